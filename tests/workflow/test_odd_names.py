"""Names that look like something else to a shell, to Snakemake, Jinja or Markdown are names: a whole sweep of them."""

import html
import json
import re
from pathlib import Path

from markdown_it import MarkdownIt

from project import ANALYSIS_OF_MLP, CONFIG, Sweep, copy_code, write_images

# Where a part of this is run as a command or replaced, a file named pwned or another name is left.
SHELL = "$(touch pwned) `touch pwned` ; touch pwned & 'single' \"double\" | * ? ~ #"
CLONE, PLACE = f"it's a clone {SHELL} 王", f"{{input}} else where {SHELL}"
SNAKEFILE = f"../{CLONE}/Snakefile"
IMAGES = f"-p {SHELL} {{wildcards}} {{input}} {{{{x}}}} $HOME 猫 \\"
CLASSES = ["$(touch pwned)`touch pwned`;'\"", "猫 {{ 7 * 7 }} {wildcards.x} é", "-rf --output=x * |"]
AUTHOR = f"{{{{ 7 * 7 }}}} {{% for x in y %}} {{# z #}} {{wildcards}} {{input}} {SHELL} \\ 王小明"


def test_odd_names_stay_names_through_the_whole_sweep(tmp_path: Path) -> None:
    copy_code(tmp_path / CLONE)
    sweep = Sweep(tmp_path / PLACE)
    write_images(sweep.folder / IMAGES)
    for split in ("train", "test"):
        for number, name in enumerate(CLASSES):
            folder = sweep.folder / IMAGES / split
            (folder / f"class {number}").rename(folder / name)
    space = CONFIG["models"]["mlp"] | {"batch_sizes": [8], "dropout_rates": [-0.0]}
    sweep.configure(models={"mlp": space}, data__path=IMAGES, report__author=AUTHOR)
    before = {path.name for path in sweep.folder.iterdir()}
    jobs = sweep.snakemake("--snakefile", SNAKEFILE).jobs
    assert jobs == {"prepare_data": 1, "train": 1, **ANALYSIS_OF_MLP}
    assert sweep.trained() == {"mlp/8_0.001_0.0/seed0"}
    assert json.loads((sweep.results / "data" / "manifest.json").read_text())["class_names"] == sorted(CLASSES)
    page = MarkdownIt().render(sweep.report.read_text())
    assert [html.unescape(line) for line in re.findall("<p>Author: (.*)</p>", page)] == [AUTHOR]
    # Nothing was run, and nothing is anywhere else.
    assert list(tmp_path.rglob("pwned*")) == []
    assert {path.name for path in tmp_path.iterdir()} == {CLONE, PLACE}
    assert {path.name for path in sweep.folder.iterdir()} == before | {"results", "report", ".snakemake"}
    assert sweep.snakemake("--snakefile", SNAKEFILE).jobs == {}
