"""Texts from files come out letter by letter, wherever they stand in report and explorer, and never as markup."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from examples import DATA_HASH, record, save_settings
from project import REPOSITORY
from render_explorer import render_explorer
from render_report import render_report
from sweep.analysis.tables import write_tables
from sweep.data.prepared import manifest_hash
from sweep.errors import SweepError
from sweep.files import canonical_hash, write_json
from sweep.grid import Grid, Partial, Run
from sweep.report.citations import LISTED
from sweep.report.render import printable
from sweep.runs.records import read_record

TEMPLATES = REPOSITORY / "workflow" / "templates"
# Stands for a text from outside, in a report with nothing to escape.
PLAIN = "plain7"
TEXTS = [
    "<script>document.title='pwned'</script> \"><svg onload=alert(1)> ' onclick=alert(1) "
    "`</code><img src=x>`` ` ``` <!--",
    "a|b \\| *c* **d** _e_ __f__ ~~g~~ h_i_j ~k~ $l$ &copy; &#65; {{ 7 * 7 }} {% raw %}\\",
    "# a - b + c 1. d 2) e = > GeForce_RTX*4090_Ti @ 2 GHz (R) [k](javascript:alert(1)) ![l](m.png) [n]: o "
    "<http://p.q> https://a.example www.c.example d@e.example :smile:",
    "a\n\n# b\n\n<script>alert(1)</script>\n\n```\nc\n~~~\n<script>alert(1)</script>",
    "\n```\n\x020\x03forged 1\x03 \x1b[31m\x85\u2028",
]
CNN_RUN = Run("cnn", 8, 0.1, 0.0, 1, 0)
Forge = Callable[..., tuple[str, str]]


class Outline(HTMLParser):
    """The tags of a page with the names of their attributes, and its text outside of blocks of code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.text = ""
        self.silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.silent = self.silent or tag in ("pre", "script", "style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))
        self.silent = self.silent and tag not in ("pre", "script", "style", "title")

    def handle_data(self, data: str) -> None:
        self.text += "" if self.silent else data


@pytest.fixture
def forged(tmp_path: Path) -> Forge:
    """A function that writes both pages of a preview in whose files every text is `text`, and returns them."""

    def write(text: str, language: str) -> tuple[str, str]:
        models = {
            name: {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0, 0.5], "epochs": 1}
            for name in (text, "cnn")
        }
        partial = Partial(9, 1, [text], [{"run": text, "differs": [text]}], [text])
        grid = Grid.of(models, [0], partial=partial)
        texts = dict.fromkeys(("device_name", "gpu", "precision", "python", "torch"), text)
        runs = grid.runs()
        # The second of each model's two diverged.
        outcomes = [([1.0], [0.5]), ([], [], 0)] * 2
        records = [record(CNN_RUN, *outcome, **texts) for outcome in outcomes]
        for each in records:
            # Of a hash the report shows the beginning, which does not count.
            short = "0" * 16 if text == PLAIN else text[:16]
            each |= dict.fromkeys(("commit", "code_hash", "data_hash"), text)
            each |= dict.fromkeys(("series", "content_hash"), short)
        write_tables(tmp_path, runs, records, grid)
        manifest = {"source": text, "class_names": [text], "sizes": {"train": text, "validation": text, "test": 9}}
        manifest["content_hash"] = text
        write_json(tmp_path / "manifest.json", {**manifest, "manifest_hash": manifest_hash(manifest)})
        place = (tmp_path / "grid.json", save_settings(tmp_path, language, text), tmp_path, tmp_path)
        report = tmp_path / "report.md"
        compared = {**models[text], "dropout_rates": [0], "axes": {text: [text, "b"]}, "defaults": {text: "b"}}
        study = Grid.of({text: compared}, [0], study=text)
        write_tables(tmp_path / "study", study.runs(), records[:2], study)
        render_report(*place, TEMPLATES, report, [tmp_path / "study" / "grid.json"], [tmp_path / "study"])
        render_explorer(*place, TEMPLATES / "explorer", report)
        return (tmp_path / "report.html").read_text(), (tmp_path / "index.html").read_text()

    return write


@pytest.mark.parametrize(("language", "texts"), [("en", TEXTS), ("zh", TEXTS[:1])])
def test_a_text_from_a_file_is_never_markup(forged: Forge, language: str, texts: list[str]) -> None:
    plain = [Outline(page) for page in forged(PLAIN, language)]
    assert plain[0].text.count(PLAIN) > 20
    for text in texts:
        shown: tuple[Callable[[str], str], ...] = (printable, str)
        for page, like, seen in zip(forged(text, language), plain, shown, strict=True):
            outline = Outline(page)
            assert outline.tags == like.tags, text
            for case in (str, str.upper):
                # A text may hold no letters.
                if text.upper() != text:
                    found = " ".join(outline.text.split()).count(" ".join(case(seen(text)).split()))
                    assert found == like.text.count(case(PLAIN)), (text, case)


def test_pages_run_no_scripts_but_their_own(forged: Forge) -> None:
    for page, own in zip(forged(PLAIN, "en"), (1, 3), strict=True):
        policy = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.+)">', page)[0]
        policy = unescape(policy)
        (allowed,) = re.findall("script-src ([^;]+)", policy)
        scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
        hashes = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
        assert len(scripts) == own
        assert allowed.split() == [*hashes, *(["'unsafe-eval'"] if own > 1 else [])]
        assert " style=" not in page.split("<body>")[1] or own > 1
        assert "default-src 'none'; base-uri 'none'; form-action 'none'" in policy
    assert "unsafe" not in re.findall("<meta http-equiv=.+>", forged(PLAIN, "en")[0])[0]


def test_what_a_record_may_hold(tmp_path: Path) -> None:
    """The values that trainings write, and those that none writes."""
    run = Grid.of(
        {"mlp": {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0], "epochs": 1}}, [0]
    ).runs()[0]
    whole = record(run, [1.0], [0.5])
    good: dict[str, list[Any]] = {
        "commit": [None, "0" * 40, "f" * 40 + "-dirty", "0" * 64],
        "device_name": ["", "NVIDIA H100 80GB HBM3", "Intel(R) Xeon(R) CPU @ 2.20GHz", "<b>`GPU_1*`</b> ü"],
        "gpu": [None, "MIG-5d2a-01", "GPU-0", "MIG-GPU-5d2a/7/0"],
        "python": ["3.11.7", "3.14.0rc1", "3.12.1+"],
        "torch": ["2.14.1", "2.9.1+cu128", "2.6.0a0+df5bbc09d1.nv24.12"],
        "model": ["cnn_without_bn"],
    }
    bad: dict[str, list[Any]] = {
        "commit": ["", "HEAD", "0" * 40 + "\n", "0" * 40 + "-dirty<b>", "F" * 40],
        "device_name": ["a\nb", "a\n", "\x1b[31m", "a\u2028b", "\x02"],
        "gpu": ["<b>", "a b", "a\n"],
        "python": ["", "3.11.7\n", "<b>3", "3 `x`"],
        "torch": ["2.14.1 <script>", "`", "2|3"],
        "model": ["MLP", "./mlp", "mlp\n", "<b>", ""],
    }
    for values, valid in ((good, True), (bad, False)):
        for name, several in values.items():
            for value in several:
                content = json.loads(json.dumps({key: part for key, part in whole.items() if key != "content_hash"}))
                (content if name in content else content["environment"])[name] = value
                file = tmp_path / "metrics.json"
                write_json(file, {**content, "content_hash": canonical_hash(content)})
                if valid:
                    read_record(file)
                else:
                    with pytest.raises(SweepError, match=f"is damaged or of another schema .*{name} must match"):
                        read_record(file)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_long_lists_are_cut_and_counted(tmp_path: Path, language: str) -> None:
    """More runs than a list has room for diverged, were interrupted, are damaged or made with something else."""
    count = LISTED + 5
    space = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0], "epochs": 2}
    faults = [f"fault number {number} of a record" for number in range(count)]
    stale = [{"run": f"mlp/stale/seed{seed}", "differs": ["epochs 1, not 2"]} for seed in range(count)]
    grid = Grid.of({"mlp": space}, list(range(count)), partial=Partial(count, 0, faults, stale, []))
    records = [{**record(run, [1.0], [0.5], 1), "resumed_epochs": [1]} for run in grid.runs()]
    write_tables(tmp_path, grid.runs(), records, grid)
    manifest = {"source": "digits", "class_names": ["a"], "sizes": dict.fromkeys(("train", "validation", "test"), 9)}
    manifest["content_hash"] = DATA_HASH
    write_json(tmp_path / "manifest.json", {**manifest, "manifest_hash": manifest_hash(manifest)})
    report = tmp_path / "report.md"
    settings = save_settings(tmp_path, language)
    render_report(tmp_path / "grid.json", settings, tmp_path, tmp_path, TEMPLATES, report)
    text = report.read_text().split("```yaml")[0] + report.read_text().split("```yaml")[1].split("| run |")[0]
    last = {"en": r"seed \d+, epoch 1\) and 5 more\.", "zh": r"种子 \d+，第 1 轮），另有 5 次。"}[language]
    assert len(re.findall(last, text)) == 1
    assert text.count({"en": ", epoch 1)", "zh": "，第 1 轮）"}[language]) == LISTED
    assert text.count({"en": "(before epoch 1)", "zh": "（第 1 轮之前）"}[language]) == LISTED
    assert text.count("fault number") == LISTED
    assert text.count("`mlp/stale/") == LISTED
    assert len(re.findall({"en": r"\b5 more\.", "zh": "另有 5 次。"}[language], text)) == 4
    origins = json.loads(report.with_suffix(".json").read_text())["numbers"]
    assert [number["text"] for number in origins if number["how"] == "not listed"] == ["5"] * 4
