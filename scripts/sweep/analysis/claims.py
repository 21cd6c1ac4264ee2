"""The write-up's claims against what this sweep found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sweep.analysis.ranking import NOISE_FACTOR, binomial_error, rank
from sweep.data.prepared import Manifest
from sweep.grid import Grid, rate_name

SPACE = ("batch_sizes", "learning_rates", "dropout_rates")


@dataclass(frozen=True)
class Obstacle:
    """Why claims cannot be judged: `kind` is one of
    partial, source, sizes, absent, batch_sizes, learning_rates, dropout_rates, epochs: the sweep is not the write-up's;
    diverged: with some seed, or in the model named, no run is left;
    one_seed: nothing tells the noise of a single loss.
    `model` is None for what concerns all; `ours` and `theirs` say what differs, where something does."""

    kind: str
    model: str | None = None
    ours: Any = None
    theirs: Any = None


@dataclass(frozen=True)
class Measure:
    """A figure of ours: its value, a mean over the seeds where there are several; its noise, if it is known; and the
    runs (rows of the table of that name) that it is from, one a seed, in the order of the seeds."""

    value: float
    noise: float | None
    runs: pd.DataFrame


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it. `verdict` is one of reproduced, within_noise, not_reproduced, unjudged; the last
    has obstacles. The rest is there where it applies: `measures` by metric and model, `ours` and `rank` of a best
    configuration (the rank of the write-up's in our ranking), `differences` and their `noises` by metric."""

    claim: Mapping[str, Any]
    verdict: str
    obstacles: list[Obstacle] = field(default_factory=list)
    ours: str | None = None
    rank: int | None = None
    measures: dict[tuple[str, str], Measure] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    noises: dict[str, float | None] = field(default_factory=dict)


def judge(
    writeup: Mapping[str, Any], grid: Grid, manifest: Manifest, runs: pd.DataFrame
) -> tuple[list[Finding], list[Obstacle]]:
    """Every claim's finding, and all that stands in the way of any. `writeup` is the content of writeup.yaml."""
    found = _differences(writeup["sweep"], grid, manifest)
    findings = []
    for claim in writeup["claims"]:
        concerned = {None, claim["model"], claim.get("other")}
        if obstacles := [obstacle for obstacle in found if obstacle.model in concerned]:
            findings.append(Finding(claim, "unjudged", obstacles))
        else:
            findings.append(_judge(claim, len(grid.seeds), manifest.sizes["validation"], runs))
    late = [obstacle for finding in findings for obstacle in finding.obstacles if obstacle not in found]
    return findings, [*found, *dict.fromkeys(late)]


def _differences(sweep: Mapping[str, Any], grid: Grid, manifest: Manifest) -> list[Obstacle]:
    """Why this sweep is not the write-up's."""
    found = []
    if grid.partial and grid.partial.incomplete:
        found.append(Obstacle("partial"))
    if manifest.source != sweep["data"]["source"]:
        found.append(Obstacle("source", None, manifest.source, sweep["data"]["source"]))
    sizes = sweep["data"]["sizes"]
    if manifest.sizes != sizes:
        found.append(Obstacle("sizes", None, tuple(manifest.sizes[split] for split in sizes), tuple(sizes.values())))
    for model, theirs in sweep["models"].items():
        ours = grid.models.get(model)
        if ours is None:
            found.append(Obstacle("absent", model))
            continue
        found += [
            Obstacle(key, model, tuple(getattr(ours, key)), tuple(theirs[key]))
            for key in SPACE
            if {rate_name(value) for value in getattr(ours, key)} != {rate_name(value) for value in theirs[key]}
        ]
        if ours.epochs != theirs["epochs"]:
            found.append(Obstacle("epochs", model, ours.epochs, theirs["epochs"]))
    return found


def _judge(claim: Mapping[str, Any], seeds: int, pictures: int, runs: pd.DataFrame) -> Finding:
    if claim["kind"] == "best":
        return _judge_best(claim, pictures, runs[runs["model"] == claim["model"]])
    metrics = ["val_acc", "val_loss"] if claim["kind"] == "ahead" else [claim["kind"]]
    models = [claim["model"], *([claim["other"]] if claim["kind"] == "ahead" else [])]
    measures = {}
    for metric in metrics:
        for model in models:
            measure = best_measure(runs[runs["model"] == model], metric, seeds, pictures)
            if measure is None:
                return Finding(claim, "unjudged", [Obstacle("diverged", model)])
            measures[metric, model] = measure
    if claim["kind"] == "ahead":
        return _judge_ahead(claim, measures)
    (measure,) = measures.values()
    metric, noise = claim["kind"], measure.noise
    difference = measure.value - float(claim["value"])
    obstacles = []
    if noise is None:
        verdict, obstacles = "unjudged", [Obstacle("one_seed")]
    elif abs(difference) <= noise:
        verdict = "reproduced"
    else:
        verdict = "within_noise" if abs(difference) <= NOISE_FACTOR * noise else "not_reproduced"
    return Finding(
        claim, verdict, obstacles, measures=measures, differences={metric: difference}, noises={metric: noise}
    )


def best_measure(runs: pd.DataFrame, metric: str, seeds: int, pictures: int) -> Measure | None:
    """One model's highest val_acc or lowest val_loss over the runs of each seed, as the write-up's is over its runs of
    one; the mean and the standard deviation over the seeds. None if with some seed every run diverged.

    The noise of one seed's accuracy is its binomial error on so many `pictures`; that of its loss is not known.
    """
    column = f"last_{metric}"
    completed = runs[runs["status"] == "completed"]
    by_seed = completed.groupby("seed")[column]
    best = completed.loc[by_seed.idxmin() if metric == "val_loss" else by_seed.idxmax()]
    if len(best) < seeds:
        return None
    value = float(best[column].mean())
    if seeds > 1:
        return Measure(value, float(best[column].std()), best)
    return Measure(value, binomial_error(value, pictures) if metric == "val_acc" else None, best)


def _judge_best(claim: Mapping[str, Any], pictures: int, runs: pd.DataFrame) -> Finding:
    ranking = rank(runs, "val_loss", pictures)
    if ranking is None:
        return Finding(claim, "unjudged", [Obstacle("diverged", claim["model"])])
    theirs = claim["value"]
    if theirs == ranking.names[0]:
        verdict = "reproduced"
    else:
        verdict = "within_noise" if theirs in ranking.candidates else "not_reproduced"
    position = ranking.names.index(theirs) + 1 if theirs in ranking.names else None
    return Finding(claim, verdict, ours=ranking.names[0], rank=position)


def _judge_ahead(claim: Mapping[str, Any], measures: dict[tuple[str, str], Measure]) -> Finding:
    """Reproduced if the model is ahead in both metrics by more than NOISE_FACTOR times the noise, not if it is behind
    in one by as much. Where the noise is not known, the sign alone decides."""
    differences, noises, signs = {}, {}, []
    for metric in ("val_acc", "val_loss"):
        model, other = measures[metric, claim["model"]], measures[metric, claim["other"]]
        differences[metric], noises[metric] = lead(model, other, metric)
        gain = differences[metric] if metric == "val_acc" else -differences[metric]
        least = NOISE_FACTOR * (noises[metric] or 0)
        signs.append((gain > least) - (gain < -least))
    verdict = "reproduced" if min(signs) == 1 else "not_reproduced" if min(signs) == -1 else "within_noise"
    return Finding(claim, verdict, measures=measures, differences=differences, noises=noises)


def lead(model: Measure, other: Measure, metric: str) -> tuple[float, float | None]:
    """A model's measure minus another's, and its noise: over several seeds the standard deviation of the difference
    with the same seed, else that of two figures with independent noise."""
    difference = model.value - other.value
    if len(model.runs) > 1:
        column = f"last_{metric}"
        by_seed = model.runs[column].to_numpy() - other.runs[column].to_numpy()
        return difference, float(by_seed.std(ddof=1))
    if model.noise is None or other.noise is None:
        return difference, None
    return difference, math.hypot(model.noise, other.noise)
