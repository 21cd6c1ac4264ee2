"""Every number of a rendered report is in report.json, and is what the records give when it is worked out anew."""

import json
import math
import re
from collections import defaultdict
from fnmatch import fnmatchcase
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import yaml
from scipy import stats

from examined_example import examination, nearest
from sweep.analysis.comparisons import dunnett_quantile
from sweep.analysis.tables import read_table
from sweep.grid import MAIN, Grid, Run, Space
from sweep.report.citations import rounded
from written import BEST, WRITEUP, as_written, changed, halved_records, sweep_records, write_report

MODELS = WRITEUP["sweep"]["models"]
# Numbers of the protocol and of the rules, which are the templates' own.
OWN = {"1", "128", "255", "0.9995", "0.2", "0.1", "0", "5", "95"}
NUMBER = re.compile(r"\d+(?:\.\d+)*")
# What holds digits and is no number: names and hashes in code, links, tags, headings of a metric.
OTHER = re.compile(r"`[^`]*`|\| ± 95 % \||\]\(#[^)]*\)|<[^>]*>|!\[[^)]*\)|CIFAR-10|cifar10|jinja2|report\.json|\bL2\b")
# What comes from the noise of a model's runs.
SURE = ["noise of a run", "degrees of freedom", "least difference", "optimism of the best"]
SURE += ["not told apart from the best", "others not told apart", "difference found", "seeds that find"]
# The record of each run of the sweep, "", of each study, and of all together, "*".
Records = dict[str, dict[str, Any]]
Groups = dict[str, Records]


def sweep(seeds: list[int]) -> tuple[list[Run], list[Any]]:
    """The write-up's sweep with noise; one run diverged, one was interrupted twice, some ran on two other devices, with
    uncommitted changes, and one has no finite test loss."""
    generator = np.random.default_rng(7)

    def metrics(run: Run) -> tuple[float, float] | None:
        if run.model == "mlp" and run.name == "512_0.001_0.8" and run.seed == seeds[-1]:
            return None
        loss, accuracy = as_written(run)
        # Many are close to the best.
        if run.dropout_rate == 0.2 and run.name != BEST[run.model]:
            loss, accuracy = loss - 0.49, accuracy + 0.1
        return float(loss + generator.normal(0, 0.01)), round(float(accuracy + generator.normal(0, 0.005)), 4)

    runs, records = sweep_records(metrics, seeds, MODELS)
    for position, (run, record) in enumerate(zip(runs, records, strict=True)):
        changes: dict[str, Any] = {"training_s": float(generator.uniform(5, 50))}
        if position == 3:
            changes |= {"resumed_epochs": [4, 11], "best": {**record["best"], "test_loss": None}}
        if position % 7 == 0:
            gpu = {"device": "cuda", "device_name": "Some H100 80GB", "gpu": f"GPU-{position % 2}", "precision": "bf16"}
            changes |= {"environment": {**record["environment"], **gpu}, "commit": "b" * 40 + "-dirty"}
        records[position] = changed(record, run, **changes)
    return runs, records


def entry(content: Any, path: str) -> Any:
    """What is at a path like "last.val_loss" or "seeds.0"."""
    for part in path.split(".") if path else []:
        content = content[int(part)] if isinstance(content, list) else content[part]
    return content


def by_configuration(records: Records, model: str, path: str) -> dict[str, list[float]]:
    """The entry of every run of a model's configurations that have no diverged run, in the order of the records."""
    values = defaultdict(list)
    for run, record in records.items():
        if run.startswith(f"{model}/"):
            values["/".join(run.split("/")[:2])].append(record)
    kept = {name: found for name, found in values.items() if all(r["status"] == "completed" for r in found)}
    return {name: [entry(record, path) for record in found] for name, found in kept.items()}


def resolve(source: dict[str, Any], groups: Groups) -> list[dict[str, Any]]:
    # A run of its own is named by its path alone.
    records = groups["*" if "series" in source else source.get("study", "")]
    found = [record for run, record in records.items() if fnmatchcase(run, source["run"])]
    if "equals" in source:
        found = [record for record in found if entry(record, source["entry"]) == source["equals"]]
    if "epochs" in source:
        found = [record for record in found if record["epochs"] == source["epochs"]]
    if "series" in source:
        (record,) = found
        assert (source["series"], source["content_hash"]) == (record["series"], record["content_hash"])
        expected = {"last": record["epochs"] - 1, "best": (record["best"] or {}).get("epoch")}
        assert source["epoch"] == expected.get(source["entry"].split(".")[0])
        if source["entry"].startswith("last.") and record["last"]:
            assert entry(record, source["entry"]) == record["history"][source["entry"][5:]][source["epoch"]]
    return found


def noise_of(values: dict[str, list[float]]) -> tuple[float, int]:
    """The noise of a model's runs and its degrees of freedom, by least squares; `values` has a list a configuration."""
    rows = [{"name": name, "y": value} for name, seeds in values.items() for value in seeds]
    table = pd.DataFrame(rows)
    formula = "y ~ C(name)"
    if len(rows) == len(values):
        table[["b", "l", "d"]] = table["name"].str.split("/").str[1].str.split("_", expand=True).to_numpy()
        formula = "y ~ (C(b) + C(l) + C(d)) ** 2"
    fit = smf.ols(formula, table).fit()
    return float(fit.mse_resid**0.5), int(fit.df_resid)


def own_noise(values: list[float], noise: float) -> float:
    """That of a configuration."""
    return max(noise, float(np.std(values, ddof=1))) if len(values) > 1 else noise


def luck_of(values: dict[str, list[float]]) -> float:
    """How much lower the lowest mean is than that of its configuration truly is."""
    noise, _ = noise_of(values)
    means = np.array([np.mean(each) for each in values.values()])
    seeds = len(next(iter(values.values())))
    # Half of what is known is for the choice, the other half for the measurement.
    luck = noise / math.sqrt(seeds) * np.random.default_rng(77).standard_normal((20_000, len(means)))
    chosen = (means + luck).argmin(axis=1)
    return float(-2 * np.take_along_axis(luck, chosen[:, None], 1).mean() / math.sqrt(2))


def sure(how: str, values: dict[str, list[float]], small: float) -> float:
    """What is said of how sure a ranking by the lowest of a metric is; `small` is the difference to be found."""
    noise, df = noise_of(values)
    if how in ("noise of a run", "degrees of freedom"):
        return {"noise of a run": noise, "degrees of freedom": df}[how]
    seeds = len(next(iter(values.values())))
    quantiles = stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)
    if how == "difference found":
        return float(quantiles * noise * math.sqrt(2 / seeds))
    if how == "seeds that find":
        return max(2, math.ceil(2 * (quantiles * noise / small) ** 2))
    quantile = dunnett_quantile(len(values) - 1, df)
    if how == "least difference":
        return quantile * noise * math.sqrt(2 / seeds)
    means = np.array([np.mean(each) for each in values.values()])
    noises = np.array([own_noise(each, noise) for each in values.values()])
    if how == "optimism of the best":
        return luck_of(values)
    errors = np.sqrt((noises**2 + noises[means.argmin()] ** 2) / seeds)
    told = int((means - means.min() > quantile * errors).sum())
    return len(means) - told - (how == "others not told apart")


def half_interval(parts: list[tuple[float, float]]) -> float:
    """The half of a 95 % interval from standard errors and their degrees of freedom, by Welch and Satterthwaite."""
    variance = sum(error**2 for error, _ in parts)
    df = variance**2 / sum(error**4 / df for error, df in parts)
    return float(stats.t.ppf(0.975, df) * math.sqrt(variance))


def chance(
    how: str, by_model: dict[str, list[float]], known: dict[str, dict[str, list[float]]], claimed: bool
) -> float:
    """The half of the 95 % interval of a figure, or of the difference of two models' figures. `known` has by model the
    values of all configurations."""
    parts = []
    for model, values in by_model.items():
        seeds = len(values)
        # A lead, as a claim on two models is, has the noise of a run.
        if seeds > 2 and len(by_model) == 1:
            noise, df = float(np.std(values, ddof=1)), seeds - 1
        else:
            noise, df = noise_of(known[model])
            # Their configurations may vary more.
            of_bests = [each for each in known[model].values() if not set(each).isdisjoint(values)]
            own = [values] if how == "least lead" else of_bests
            noise = max(own_noise(each, noise) for each in own)
        parts.append((noise * math.sqrt(1 / seeds + claimed), df))
    return half_interval(parts)


def importance(table: Any, source: dict[str, Any], model: str) -> float:
    """What the table of importance says: a term's statistic, or the sum of the shares of several terms; in percent."""
    rows = table[(table["model"] == model) & (table["metric"] == source["entry"].removeprefix("last."))]
    values = rows.set_index("term")[source["statistic"]]
    return float(values[source["term"].split(", ")].sum() * (100 if source["statistic"] == "share" else 1))


def examined(how: str, sources: list[dict[str, Any]], files: dict[str, Any]) -> Any:
    """A number that comes from examinations."""
    values = [entry(files[source["file"]], source["entry"]) for source in sources]
    if how == "distance":
        # That in pixels is the place in the list.
        return int(sources[0]["entry"].split(".")[-1])
    if how == "as often as the last":
        table = np.array(values[0])
        counts = sorted(table[~np.eye(len(table), dtype=bool)], reverse=True)
        return counts[3:].count(counts[2])
    if how == "difference of differences":
        training, batch_norm, dropout, evaluation = values
        return training - evaluation - (batch_norm - evaluation) - (dropout - evaluation)
    if sources[0]["entry"] == "shift.lost":
        both = np.array([pair for pair in zip(*values, strict=True) if "-" not in pair]).astype(int) / 8
        paired = stats.ttest_rel(both[:, 0], both[:, 1])
        difference = both.mean(axis=0)[0] - both.mean(axis=0)[1]
        results = {"pictures": len(both), "share lost": both[:, 0].mean(), "difference of shares lost": difference}
        half = stats.t.ppf(0.975, len(both) - 1) * difference / paired.statistic
        return {**results, "half of the 95 % interval": half}[how]
    if how == "difference":
        return np.mean(values[0]) - np.mean(values[1])
    if how == "told apart by Bonferroni":
        return sum(value < 0.05 / math.comb(len(values) + 1, 2) for value in values)
    return {"value": float, "mean": np.mean, "size": abs, "length": len, "percent": lambda p: 100 * p}[how](values[0])


def recomputed(number: dict[str, Any], groups: Groups, files: dict[str, Any]) -> Any:
    """The number from the records, by its `how`."""
    how, sources = number["how"], number["sources"]
    if how != "not listed" and sources[0].get("file", "").startswith("examinations/"):
        return examined(how, sources, files)
    if how == "setting" or (how == "count" and "file" in sources[0]):
        (source,) = sources
        value = entry(files[source["file"]], source["entry"])
        if source["file"] == "config.yaml":
            return number["text"] if number["text"].strip(" ") in value else None
        return len(value) if how == "count" else value
    if how == "epochs of the full grid":
        space = Space(**entry(files[sources[0]["file"]], sources[0]["entry"]))
        return len(space.configurations) * len(entry(files[sources[1]["file"]], sources[1]["entry"])) * space.epochs
    if how in ("configurations", "combinations"):
        space = Space(**entry(files[sources[0]["file"]], sources[0]["entry"]))
        every = math.prod(len(values) for values in space.values.values())
        return len(space.configurations) if how == "configurations" else every
    if how == "missing":
        theirs, ours = (Space(**entry(files[source["file"]], source["entry"])) for source in sources)
        gaps = [[value for value in theirs.values[name] if value not in ours.values[name]] for name in MAIN]
        # In the write-up's order and spelling.
        shown = sorted(map(float, number["text"].split(", ")))
        return next((gap for gap in gaps if gap == shown), None)
    if how == "not listed":
        return int(number["text"])
    runs = [source for source in sources if "run" in source]
    found = [resolve(source, groups) for source in runs]
    if how == "count":
        if len(found) > 1 and "series" not in runs[0]:
            return sum(all(record in group for group in found) for record in found[0])
        return sum(map(len, found))
    if how == "configurations trained":
        return len(
            {run.rsplit("/", 1)[0] for run, record in groups[""].items() if any(record in group for group in found)}
        )
    model = found[0][0]["model"]
    if how in ("analysis of variance", "least squares"):
        return importance(files[runs[0].get("study", "") + "importance"], runs[0], model)
    records = groups[runs[-1].get("study", "")]
    # Nothing counts but what the sources name; single runs are named beside all that they are compared with.
    named = {
        id(record) for source, group in zip(runs, found, strict=True) if "series" not in source for record in group
    }
    records = {run: record for run, record in records.items() if id(record) in named}
    if how in ("rank", "ranked", "drawn", "seeds that would tell", *SURE):
        values = by_configuration(records, model, runs[-1]["entry"] or "last.val_loss")
        if how in SURE:
            return sure(how, values, next((entry(files[each["file"]], each["entry"]) for each in sources
                                           if how == "seeds that find" and "file" in each), 0))  # fmt: skip
        means = {name: np.mean(seeds) for name, seeds in values.items()}
        if how == "rank":
            return sorted(means, key=means.__getitem__).index(runs[0]["run"].removesuffix("/*")) + 1
        configurations = {run.rsplit("/", 1)[0] for run in records if run.startswith(f"{model}/")}
        seeds = 2 if len(values) > 1 else 3
        return {"ranked": len(values), "drawn": min(10, len(configurations)), "seeds that would tell": seeds}[how]
    single = [place for place, source in enumerate(runs) if "series" in source] or range(len(runs))
    pairs = [(record, entry(record, runs[place]["entry"])) for place in single for record in found[place]]
    values = [value for _, value in pairs]
    by_model = defaultdict(list)
    for record, value in pairs:
        by_model[record["model"]].append(value)
    if how == "standard deviation":
        return np.std(values, ddof=1)
    if how == "values":
        return ", ".join(sorted(set(values)))
    if how in ("half of the 95 % interval", "least lead"):
        known = {each: by_configuration(records, each, runs[0]["entry"]) for each in by_model}
        return chance(how, by_model, known, any(source["entry"].startswith("claims.") for source in sources))
    if how.endswith("end of the 95 % interval"):
        accuracy, images = np.mean(values), entry(files["manifest.json"], "sizes.test")
        interval = stats.binomtest(round(accuracy * images), images).proportion_ci(2 * stats.norm.cdf(1) - 1, "wilson")
        half = stats.t.ppf(0.975, images) * (interval.high - interval.low) / 2
        return accuracy + half * (1 if how.startswith("high") else -1)
    if how == "lead without luck":
        lucks = {}
        for each in by_model:
            known = by_configuration(records, each, "last.val_acc")
            lucks[each] = luck_of({name: [-value for value in found] for name, found in known.items()})
        first, second = (float(np.mean(group)) - lucks[each] for each, group in by_model.items())
        return first - second
    if how == "difference":
        first, *other = [np.mean(group) for group in by_model.values()]
        claimed = [float(entry(files["writeup.yaml"], source["entry"])) for source in sources if "file" in source]
        (second,) = [*other, *claimed]
        return first - second
    if how == "value":
        return values[0]
    return {
        "mean": np.mean,
        "sum": np.sum,
        "sum of epochs": np.sum,
        "minimum": np.min,
        "median": np.median,
        "maximum": np.max,
    }[how](values)


def agrees(text: str, how: str, value: Any) -> bool:
    if how == "missing":
        return value is not None
    if isinstance(value, list | str):
        return text in (str(value), ", ".join(map(str, value)))
    text = text.removeprefix("±")
    if how in ("optimism of the best", "lead without luck"):
        return math.isclose(float(text), value, rel_tol=0.1, abs_tol=0.6 * 10 ** -len(text.split(".")[1]))
    if "e-" in text:
        return text == f"{value:.2g}"
    decimals = len(text.split(".")[1]) if "." in text else 0
    if how == "sum":  # in hours
        value /= 3600
    # Of a mean that lies on a half the last digit may go either way.
    return text == str(value) or abs(float(text.replace(",", "")) - value) <= 0.501 * 10**-decimals


def by_path(runs: list[Run], records: list[Any]) -> Records:
    return {str(run.path): record for run, record in zip(runs, records, strict=True)}


def check_origins(folder: Path, text: str, origins: dict[str, Any], groups: Groups) -> dict[str, Any]:
    """Assert that each number of the report has an origin that gives it. Returns the config in the appendix."""
    groups = {**groups, "*": {run: record for records in groups.values() for run, record in records.items()}}
    assert {run: found["content_hash"] for run, found in origins["runs"].items()} == {
        run: record["content_hash"] for run, record in groups["*"].items()
    }
    for study, records in groups.items():
        listed = [run for run, found in origins["runs"].items() if found["sweep"] or study]
        listed = [run for run in listed if study in ("", "*", *origins["runs"][run]["studies"])]
        assert set(listed) == set(records)
    lines = text.splitlines()
    covered: defaultdict[int, set[int]] = defaultdict(set)
    files = {
        "manifest.json": yaml.safe_load((folder / "manifest.json").read_text()),
        "writeup.yaml": WRITEUP,
        "config.yaml": text.split("```yaml\n")[1].split("```")[0],
        "packages": defaultdict(str, {name: version(name) for name in ("jinja2", "matplotlib", "numpy", "pandas")}),
        "scripts/sweep/report/context.py": {"SMALL_DIFFERENCE": 0.005},
        "scripts/sweep/analysis/claims.py": {"LEAST_PICTURES": 50},
        "scripts/sweep/analysis/examined.py": {"LOST_DISTANCE": 2},
    }
    files |= {f"examinations/{each.name}": json.loads(each.read_text()) for each in folder.glob("examinations/*")}
    for study in groups:
        if study != "*":
            place = f"studies/{study}/" if study else ""
            files[f"{place}grid.json"] = json.loads((folder / place / "grid.json").read_text())
            files[f"{study}importance"] = read_table(folder / place / "importance.csv")
    for number in origins["numbers"]:
        start = number["column"] - 1
        assert lines[number["line"] - 1][start:].startswith(number["text"])
        covered[number["line"]] |= set(range(start, start + len(number["text"])))
        value = recomputed(number, groups, files)
        assert agrees(number["text"], number["how"], value), (number, value)
    assert len(origins["numbers"]) > 100

    for position, line in enumerate(lines, 1):
        other = {column for match in OTHER.finditer(line) for column in range(*match.span())}
        for match in NUMBER.finditer(line):
            place_of = set(range(*match.span()))
            own = match[0] in OWN and not line.startswith("|")
            assert place_of <= covered[position] or place_of <= other or own, (position, match[0], line)
    config: dict[str, Any] = yaml.safe_load(files["config.yaml"])
    return config


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("seeds", "images"), [([0], 10_000), ([0, 1, 2], 80)])
def test_every_number_is_what_the_records_give(
    tmp_path: Path, language: Literal["zh", "en"], seeds: list[int], images: int
) -> None:
    """Of few test pictures those that both models have right are too few, and many mistakes are as often."""
    runs, records = sweep(seeds)
    compared = {"mlp": ["1024_0.001_0.4", "512_0.001_0.4", "512_0.001_0.0"], "cnn": ["128_0.001_0.4"]}
    examinations = [
        examination(model, images=images, nearest=nearest(model, compared[model], len(seeds))) for model in MODELS
    ]
    text, origins = write_report(tmp_path, runs, records, MODELS, seeds, language, examinations=examinations)
    hows = {number["how"] for number in origins["numbers"]}
    assert {"pictures", "half of the 95 % interval" if images > 80 else "as often as the last"} <= hows
    config = check_origins(tmp_path, text, origins, {"": by_path(runs, records)})
    assert (config["models"], config["seeds"]) == (MODELS, seeds)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("seeds", "rungs"), [([0, 1], None), ([0, 1], 2), ([0], None)])
def test_every_number_of_a_halved_search_has_its_origin(
    tmp_path: Path, language: Literal["zh", "en"], seeds: list[int], rungs: int | None
) -> None:
    """Of a finished one, of one seed, too, and of a preview of one that is not; with a configuration that diverged
    after the first rung, and stopped ones whose loss is the lowest of all."""
    models = {model: {**space, "epochs": 8} for model, space in MODELS.items()}
    models["mlp"]["halving"] = {"epochs": [2, 4], "keep": 0.17}

    def learn(run: Run) -> tuple[Any, ...]:
        place = [run.batch_size, round(1e5 * run.learning_rate), round(10 * run.dropout_rate), run.seed]
        level, *noise = np.random.default_rng(place).normal(0, 0.02, 9)
        losses = [float(1 + level + run.dropout_rate + part + epoch / 10) for epoch, part in enumerate(noise)]
        if run.model == "mlp" and run.name == "512_0.001_0.0" and run.epochs > 2:
            return losses[:3], [0.5] * 3, 3
        return losses[: run.epochs], [round(1 / (1 + loss), 4) for loss in losses[: run.epochs]]

    runs, records = halved_records(learn, seeds, models, rungs)
    partial = {"runs": len(runs), "missing": 0, "damaged": [], "stale": [], "left_out": []} if rungs else None
    text, origins = write_report(tmp_path, runs, records, models, seeds, language, partial)
    assert not re.search(r"\bnan\b|<NA>|None|[\x00-\x08]", text)
    assert {"configurations trained", "epochs of the full grid", "sum of epochs"} <= {
        number["how"] for number in origins["numbers"]
    }
    config = check_origins(tmp_path, text, origins, {"": by_path(runs, records)})
    assert config["models"] == models


# Of a model that was drawn, with some configurations excluded and one included; of a complete grid with more terms than
# a table of importance has; and of a study, some of whose runs the grid has, too.
DRAWN = {
    "runs": 15,
    "seed": 3,
    "batch_size": [512, 1024],
    "learning_rate": {"from": 0.0001, "to": 0.01, "scale": "log"},
    "dropout_rate": {"from": 0, "to": 0.8, "scale": "linear"},
}
LISTS = {"batch_sizes": [128], "learning_rates": [0.001, 0.0005], "dropout_rates": [0, 0.2]}
DEFAULTS = {"hidden": 100, "kind": "channel", "label_smoothing": 0.0, "weight_decay": 0.0}
ASKED: dict[str, Any] = {
    "mlp": {
        "sample": DRAWN,
        "epochs": 2,
        "exclude": [{"batch_size": 512, "hidden": 100}],
        "include": [{"batch_size": 64, "learning_rate": 0.002, "dropout_rate": 0.1, "hidden": 50}],
    },
    "cnn": {
        **LISTS,
        "epochs": 3,
        "axes": {"weight_decay": [0.0, 0.0005], "kind": ["channel", "element"], "label_smoothing": [0.0, 0.1]},
    },
}
STUDY: dict[str, Any] = {**LISTS, "learning_rates": [0.001, 0.002], "axes": {"kind": ["element", "channel"]}}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_axes_a_sample_and_a_study_has_its_origin(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    seeds = [0, 1]

    def metrics(run: Run) -> tuple[float, float] | None:
        place = [run.batch_size, round(1e5 * run.learning_rate), run.seed, *map(ord, run.name[-3:])]
        noise = float(np.random.default_rng(place).normal(0, 0.02))
        if dict(run.axes) == {"kind": "element"} and run.dropout_rate == 0.2 and run.learning_rate == 0.002:
            return None
        return 1 + noise + run.dropout_rate / 5, round(0.5 - noise, 4)

    models = {model: {**space, "defaults": DEFAULTS} for model, space in ASKED.items()}
    runs, records = sweep_records(metrics, seeds, models)
    compared = {"cnn": {**STUDY, "epochs": 3, "defaults": DEFAULTS}}
    its_runs, its_records = sweep_records(metrics, seeds, compared)
    study = Grid.of(compared, seeds, study="kinds")
    text, origins = write_report(
        tmp_path, runs, records, models, seeds, language, studies=[(study, its_runs, its_records)]
    )
    assert not re.search(r"\bnan\b|<NA>|None|[\x00-\x08]", text)
    groups = {"": by_path(runs, records), "kinds": by_path(its_runs, its_records)}
    assert groups[""].keys() & groups["kinds"].keys()
    config = check_origins(tmp_path, text, origins, groups)
    assert (config["models"], config["studies"]) == (ASKED, {"kinds": {"cnn": STUDY}})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_appendix_tells_what_the_records_tell(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    """Each name in a table leads to its runs' rows, with their hashes; mixtures and interruptions are told."""
    seeds = [0, 1]
    runs, records = sweep(seeds)
    text, _ = write_report(tmp_path, runs, records, MODELS, seeds, language)
    anchors = re.findall(r'<a id="([^"]+)">', text)
    assert len(anchors) == len(set(anchors)) >= 20
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) == set(anchors)
    ranked = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(ranked) == 20
    assert all("](#" in line for line in ranked)
    # Both seeds of each.
    appendix = text.split('<a id="', 1)[1]
    for run, record in zip(runs, records, strict=True):
        row = [line for line in appendix.splitlines() if f"`{run.path}`" in line and line.startswith("|")]
        if f"{run.model}-{run.name}" in anchors[1:]:
            assert f"`{record['series'][:16]}` | `{record['content_hash'][:16]}`" in row[0]
            assert len(row) == 1
    # A diverged run has no metrics.
    assert all(len(re.findall(r"\| – ", line)) == 3 for line in appendix.splitlines() if "/512_0.001_0.8/seed1" in line)
    resumed = {
        "en": "`mlp/512_0.001_0.2/seed1` (before epoch 4, 11)",
        "zh": "`mlp/512_0.001_0.2/seed1`（第 4, 11 轮之前）",
    }
    assert resumed[language] in text
    commits = re.findall(r"`(b{40}|c{40})`(.+?)[:：]", text)
    words = {"en": (", with uncommitted changes", ", clean"), "zh": ("，有未提交的改动", "，工作区干净")}[language]
    assert dict(commits) == dict(zip(("b" * 40, "c" * 40), words, strict=True))
    # Two equal GPUs are one environment.
    places = [
        re.search(r"Some CPU\W+fp32|Some H100 80GB\W+bf16", line) for line in text.splitlines() if "PyTorch 2" in line
    ]
    assert len(places) == len({place[0] for place in places if place}) == 2
    assert {"en": "in more than one environment", "zh": "环境不止一种"}[language] in text


@pytest.mark.parametrize(
    ("value", "error", "form", "shown"),
    [
        (0.52174, 0.00996, "", "0.522"),
        (0.52174, 0.0099, "", "0.5217"),
        (0.00996, 0.00996, "", "0.010"),
        (0.0141, 0.0141, "", "0.014"),
        (-0.00004, 0.002, "+", "+0.0000"),
        (0.2169, 0.00036, "+", "+0.21690"),
        (43.21, 12.6, "", "43"),
        (123.4, 123.4, "", "123"),
        (0.52, 0.0, "", "0.5200"),
    ],
)
def test_no_digit_is_shown_that_is_chance_alone(value: float, error: float, form: str, shown: str) -> None:
    assert rounded(value, error, form) == shown


def test_marks_leave_no_trace(tmp_path: Path) -> None:
    text, origins = write_report(tmp_path, *sweep([0]), MODELS, [0])
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    places = [(number["line"], number["column"]) for number in origins["numbers"]]
    assert all(first < second for first, second in pairwise(places))
