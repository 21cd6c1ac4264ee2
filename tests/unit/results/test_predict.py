"""The program that names the classes of picture files."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from predict import predict
from sweep import results
from sweep.data.sources.folder import read_image
from sweep.errors import SweepError
from sweep.grid import Grid
from trained import EXPERIMENT, tables_folder

RUN = "mlp/8_0.02_0.5/seed0"


@pytest.fixture
def pictures(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Pictures as people have them; the program runs in the sweep's folder."""
    monkeypatch.chdir(sweep)
    generator = np.random.default_rng(0)
    files = [tmp_path / name for name in ("a.png", 'of, "b".jpeg', "\x1b[2Jc.webp")]
    for file, size in zip(files, ((32, 32, 3), (60, 90, 3), (40, 40, 4)), strict=True):
        Image.fromarray(generator.integers(0, 256, size, np.uint8)).save(file)
    return files


@pytest.mark.parametrize("options", [{"model": "mlp"}, {"run": RUN}, {"model": "cnn"}])
def test_a_row_a_picture_has_its_class_and_every_probability(
    pictures: list[Path], options: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    predict(pictures, EXPERIMENT, **options)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["picture", "class", "probability", "a,b", 'c"d', "\\x1b[31m日本"]
    runs = results.load_runs(EXPERIMENT)
    model: Any = results.load_model(runs[runs["model"] == options.get("model", "mlp")].iloc[0])
    expected = results.predict(model, np.stack([read_image(str(file)) for file in pictures]))
    assert [row[0] for row in rows] == [str(file).replace("\x1b", "\\x1b") for file in pictures]
    np.testing.assert_allclose([[float(value) for value in row[3:]] for row in rows], expected, rtol=1e-5)
    for row, probabilities in zip(rows, expected, strict=True):
        assert row[1] == header[3 + probabilities.argmax()]
        assert float(row[2]) == pytest.approx(probabilities.max(), rel=1e-5)


def test_no_picture_is_a_table_without_rows(pictures: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    del pictures
    predict([], EXPERIMENT, "cnn")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_bad_files_are_all_named_and_nothing_is_printed(
    pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, missing, folder = tmp_path / "text.png", tmp_path / "none.png", tmp_path
    text.write_text("no picture")
    cut = tmp_path / "cut.png"
    cut.write_bytes(pictures[0].read_bytes()[:200])
    with pytest.raises(SweepError) as caught:
        predict([pictures[0], text, missing, pictures[1], cut, folder], EXPERIMENT, "mlp")
    sentence = str(caught.value)
    assert all(f"{file} (" in sentence for file in (text, missing, cut, folder))
    assert not any(f"{file} (" in sentence for file in pictures)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give either --model, for its best run, or --run, such as"),
        ({"model": "mlp", "run": RUN}, "give either --model, for its best run, or --run, such as"),
        ({"model": "vit"}, "--model vit: small has no such model; it has mlp, cnn$"),
        ({"run": "mlp/8_0.02_0.5"}, f"no such run; it has {RUN}, cnn/8_0.02_0.4/seed0$"),
    ],
)
def test_what_there_is_not_is_a_sentence(pictures: list[Path], options: dict[str, str], sentence: str) -> None:
    with pytest.raises(SweepError, match=sentence):
        predict(pictures, EXPERIMENT, **options)


def test_a_model_that_only_diverged_has_no_best_run(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "best_run", lambda *_: None)
    with pytest.raises(
        SweepError, match=r"--model mlp: every configuration has a run that diverged, .*; name a run with --run"
    ):
        predict(pictures, EXPERIMENT, "mlp")


def test_the_best_run_is_by_what_the_tables_are_ranked_by(
    pictures: list[Path], sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(results, "best_run", lambda *arguments: asked.append(arguments[-1]))
    monkeypatch.setattr(Grid, "read", lambda file: Grid({}, [], rank_by=f"that of {file}"))
    with pytest.raises(SweepError, match="diverged"):
        predict(pictures, EXPERIMENT, "mlp")
    assert asked == [f"that of {tables_folder(sweep).relative_to(sweep) / 'grid.json'}"]
