"""Axes, excluded, included and sampled configurations through the whole pipeline: what is trained and what is shown."""

import csv
import json
import re

from project import ANALYSIS, Sweep, numbers, program

AXES = {"weight_decay": [0, 0.01], "batch_norm": [True, False]}
NEW = {f"mlp/8_0.001_0.5_{axes}/seed0" for axes in ("batch_norm=false", "batch_norm=false_weight_decay=0.01")}
ADDED = "mlp/4_0.01_0.25_hidden=7/seed0"
SAMPLE = {
    "batch_size": [8, 16],
    "learning_rate": {"from": 0.0001, "to": 0.01, "scale": "log"},
    "dropout_rate": {"from": 0, "to": 0.8},
}


def test_axes_and_sampled_spaces_train_the_new_runs_and_show_all(finished: Sweep) -> None:
    # Of two axes all but one corner, without a batch size, and with a single configuration.
    finished.configure(
        models__mlp__dropout_rates=[0.5],
        models__mlp__axes=AXES,
        models__mlp__exclude=[{"batch_size": 16}, {"weight_decay": 0.01, "batch_norm": True}],
        models__mlp__include=[{"batch_size": 4, "learning_rate": 0.01, "dropout_rate": 0.25, "hidden": 7}],
        models__cnn={"epochs": 1, "sample": {"runs": 2, **SAMPLE}},
    )
    assert "train, new (5)" in program(finished, "plan")
    assert finished.snakemake().jobs == {"train": 5, **ANALYSIS}
    trained = finished.trained()
    drawn = {run for run in trained if run.startswith("cnn/")}
    assert trained == NEW | {ADDED} | drawn
    assert len(drawn) == 2
    assert finished.snakemake("--dry-run").jobs == {}

    by_name = {row["name"]: row for row in csv.DictReader((finished.results / "tables/runs.csv").open())}
    axes = ("batch_norm", "hidden", "weight_decay")
    assert [by_name["8_0.001_0.5"][axis] for axis in axes] == ["true", "100", "0.0"]
    assert [by_name["8_0.001_0.5_batch_norm=false_weight_decay=0.01"][axis] for axis in axes] == [
        "false",
        "100",
        "0.01",
    ]
    assert [by_name["4_0.01_0.25_hidden=7"][axis] for axis in axes] == ["true", "7", "0.0"]
    # The CNN has no width, and its other axes are at their defaults.
    assert [by_name[run.split("/")[1]]["hidden"] for run in drawn] == ["", ""]
    figures = {file.name for file in finished.report.parent.glob("pics/*.png")}
    assert {"MLP_effect_weight_decay.png", "MLP_effect_batch_norm.png", "CNN_effect_learning_rate.png"} <= figures
    text = finished.report.read_text()
    assert "weight_decay" in text
    assert "8_0.001_0.5_batch_norm=false" in text

    # A run's command can be copied and repeated: it gives the same numbers.
    planned = finished.snakemake("--dry-run", "--printshellcmds", "--forceall").output
    (command,) = re.findall(r"python (\S+train\.py .*dropout-rate 0\.25 .*--set hidden=7 .*) > ", planned)
    before = numbers(finished.results / "runs" / ADDED / "metrics.json")
    again = finished.run(f"python {command.replace('results/records', 'elsewhere')}")
    assert "epoch 1:" in again.output, again.output
    assert numbers(finished.results / "runs" / ADDED / "metrics.json") == before

    # More samples keep those that are there; and the first sweep's runs are all still kept.
    finished.configure(models__cnn={"epochs": 1, "sample": {"runs": 3, **SAMPLE}})
    finished.snakemake("--until", "aggregate")
    trained = finished.trained()
    assert (len(trained), trained & drawn) == (1, set())
    grid = json.loads((finished.results / "tables" / "grid.json").read_text())
    assert grid["models"]["cnn"]["sample"]["runs"] == 3
    rows = list(csv.DictReader((finished.results / "tables/runs.csv").open()))
    assert {f"cnn/{row['name']}/seed0" for row in rows if row["model"] == "cnn"} == drawn | trained
