"""Damaged files are found by their content, are never read as results, and the command in the error mends them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregate import aggregate
from plot import plot
from project import MLP_RUNS, REPOSITORY, Sweep, contents, program, remove_as_told
from render_explorer import render_explorer
from render_report import render_report
from status import status
from sweep.data.prepared import map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.runs.records import read_kept


def flip(content: bytes) -> bytes:
    """Flip one bit near the middle; in a text file one of a number's first digit, so that it stays text and means
    something else: the 17th digit of a number may be another one and the number still the same."""
    digits = [match.start() for match in re.finditer(rb"(?<![0-9.])[0-7]", content)]
    place = len(content) * 2 // 3 if b"\0" in content else min(digits, key=lambda k: abs(k - len(content) // 2))
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda _: b"",
    "zeroed": lambda content: bytes(len(content)),
    "flipped": flip,
}
RUN = min(MLP_RUNS)
TABLES = {"runs.csv", "epochs.csv", "configurations.csv", "importance.csv", "grid.json"}


def victims(sweep: Sweep) -> dict[str, Path]:
    """One file of each kind; the paths are relative, as in the programs' errors."""
    results = Path("results", "tiny")
    metrics = results / "runs" / RUN / "metrics.json"
    return {
        "metrics": metrics,
        "kept": sweep.kept(RUN).relative_to(sweep.folder),
        "images": results / "data" / "images.safetensors",
        "manifest": results / "data" / "manifest.json",
        **{name: results / "tables" / name for name in (*TABLES, "SHA256SUMS")},
    }


def read_as_result(kind: str, tmp_path: Path) -> None:
    """Let every program that reads such a file read it. Raises the SweepError of a program that refuses it."""
    results = Path("results", "tiny")
    data, tables = results / "data", results / "tables"
    grid = tables / "grid.json"
    if kind in (*TABLES, "SHA256SUMS"):
        with pytest.raises(SweepError, match="same command again: rm -f"):
            plot(grid, tables, "mlp", 3, tmp_path)
        templates, report = REPOSITORY / "workflow" / "templates", tmp_path / "report.md"
        settings = next(results.glob("asked/report-*.json"))
        with pytest.raises(SweepError, match="same command again: rm -f"):
            render_explorer(grid, settings, data, tables, templates / "explorer", report)
        render_report(grid, settings, data, tables, templates, report)
    else:
        if kind in ("images", "manifest"):
            with pytest.raises(SweepError, match="same command again: rm"):
                map_prepared(data, read_manifest(data))
        elif kind == "kept":
            with pytest.raises(SweepError):
                read_kept(victims(Sweep(Path.cwd()))["kept"])
        aggregate(grid, results / "runs", Path("results/records"), data, results / "promotions", tmp_path / "tables")


def test_every_damage_to_every_file_is_refused_and_named_with_a_command(
    finished: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished.folder)
    output = tmp_path / "output"
    for kind, file in victims(finished).items():
        good = file.read_bytes()
        for name, damage in DAMAGE.items():
            assert damage(good) != good
            file.write_bytes(damage(good))
            with pytest.raises(SweepError) as caught:
                read_as_result(kind, output)
            status()
            for text in (str(caught.value), capsys.readouterr().out):
                # If the sums are damaged, the error names the tables that they no longer fit.
                named = re.escape(str(file)) if kind != "SHA256SUMS" else r"\.csv"
                assert re.search(rf"{named}\b.* (?:damaged|cannot be read|not hold)", text), (kind, name, text)
                assert re.search(r"and run the same command again: (?:rm|cp) ", text), (kind, name, text)
            file.write_bytes(good)
    assert not output.exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_the_named_commands_mend_all(finished: Sweep, damage: str) -> None:
    before = contents(finished.folder)
    files = victims(finished)
    # Several files at once: a record, the data, tables. If the manifest is damaged, the run's key is not known.
    struck = {
        "truncated": ["metrics", "images", "runs.csv", "grid.json"],
        "flipped": ["kept", "manifest", "SHA256SUMS"],
    }[damage]
    for kind in struck:
        path = finished.folder / files[kind]
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    output = program(finished, "status")
    commands = re.findall(r"run the same command again: (.+)$", output, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        subprocess.run(["bash", "-c", command], cwd=finished.folder, check=True)
    finished.snakemake("--until", "aggregate")
    assert finished.trained() == set()
    assert "damaged" not in program(finished, "status").split("\n\n", 2)[2]
    after = contents(finished.folder)
    for kind in files:
        assert after[str(files[kind])] == before[str(files[kind])]


def test_a_run_is_trained_again_if_both_of_its_records_are_damaged(finished: Sweep) -> None:
    """Of another run only the published one is."""
    files = victims(finished)
    published = Path("results", "tiny", "runs", max(MLP_RUNS), "metrics.json")
    before = (finished.folder / published).read_bytes()
    for file in (files["metrics"], files["kept"], published):
        path = finished.folder / file
        path.write_bytes(flip(path.read_bytes()))
    finished.snakemake("--forcerun", "aggregate", "--until", "aggregate", succeeds=False)
    log = (finished.results / "logs" / "aggregate.log").read_text()
    for file in (files["metrics"], files["kept"], published):
        assert f"  {file} is damaged" in log
    remove_as_told(finished, log)
    finished.snakemake("--until", "aggregate")
    assert finished.trained() == {RUN}
    assert (finished.folder / files["metrics"]).read_bytes() == (finished.folder / files["kept"]).read_bytes()
    assert (finished.folder / published).read_bytes() == before


def test_figures_are_not_drawn_from_a_damaged_table(finished: Sweep) -> None:
    table = finished.results / "tables" / "epochs.csv"
    good = table.read_bytes()
    table.write_bytes(flip(good))
    figure = finished.report.parent / "pics" / "MLP_val_loss.svg"
    drawn = figure.read_bytes()
    finished.snakemake("--forcerun", "plot_mlp", "--until", "plot_mlp", succeeds=False)
    log = (finished.results / "logs" / "plot" / "mlp.log").read_text()
    assert log.startswith("Error: results/tiny/tables/epochs.csv: damaged")
    assert "Traceback" not in log
    remove_as_told(finished, log)
    finished.snakemake("--until", "plot_mlp")
    assert (table.read_bytes(), figure.read_bytes()) == (good, drawn)
