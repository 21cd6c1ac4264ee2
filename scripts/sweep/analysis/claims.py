"""The write-up's claims, judged by what this sweep found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.analysis.ranking import NOISE_FACTOR, binomial_error, rank
from sweep.grid import Grid, rate_name

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

SPACE = ("batch_sizes", "learning_rates", "dropout_rates")


@dataclass(frozen=True)
class Obstacle:
    """A reason why claims cannot be judged.

    `kind` is one of:
        partial: the sweep is not finished;
        source, sizes: the data are not those of the write-up;
        absent: the model was not trained;
        batch_sizes, learning_rates, dropout_rates, epochs: the model's search space is not that of the write-up;
        diverged: for some seed, every run of the model diverged;
        one_seed: the noise of a single loss is not known.
    `model` is None if all models are concerned. `ours` and `theirs` are the two values if one differs from the other.
    """

    kind: str
    model: str | None = None
    ours: Any = None
    theirs: Any = None


@dataclass(frozen=True)
class Measure:
    """What this sweep measured for one metric of one model."""

    # The mean over the seeds.
    value: float
    # Of several seeds the standard deviation, of one seed the binomial error of an accuracy; None if it is not known.
    noise: float | None
    # Rows of the table of runs that the value comes from, one a seed, in the order of the seeds.
    runs: pd.DataFrame


@dataclass(frozen=True)
class Judgement:
    """A claim and its verdict."""

    claim: Mapping[str, Any]
    # reproduced, within_noise, not_reproduced or unjudged
    verdict: str
    # Why the verdict is unjudged; empty for the others.
    obstacles: list[Obstacle] = field(default_factory=list)
    # For claims on the best configuration: the name of ours, and the rank that the write-up's has in our ranking.
    ours: str | None = None
    rank: int | None = None
    # For claims on metrics: our measures by metric and model, and by metric the difference that decides and its noise.
    measures: dict[tuple[str, str], Measure] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    noises: dict[str, float | None] = field(default_factory=dict)


def judge(
    writeup: Mapping[str, Any], grid: Grid, manifest: "Manifest", runs: pd.DataFrame
) -> tuple[list[Judgement], list[Obstacle]]:
    """Judge every claim of `writeup`, the content of writeup.yaml. `runs` is the table of runs.

    Returns:
        A judgement for each claim, in their order, and all obstacles, each once.
    """
    found = _differences(writeup["sweep"], grid, manifest)
    judgements = []
    for claim in writeup["claims"]:
        concerned = {None, claim["model"], claim.get("other")}
        if obstacles := [obstacle for obstacle in found if obstacle.model in concerned]:
            judgements.append(Judgement(claim, "unjudged", obstacles))
        else:
            judgements.append(_judge(claim, len(grid.seeds), manifest.sizes["validation"], runs))
    late = [obstacle for judgement in judgements for obstacle in judgement.obstacles if obstacle not in found]
    return judgements, [*found, *dict.fromkeys(late)]


def _differences(sweep: Mapping[str, Any], grid: Grid, manifest: "Manifest") -> list[Obstacle]:
    """How this sweep differs from the write-up's."""
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


def _judge(claim: Mapping[str, Any], seeds: int, images: int, runs: pd.DataFrame) -> Judgement:
    if claim["kind"] == "best":
        return _judge_best(claim, images, runs[runs["model"] == claim["model"]])
    metrics = ["val_acc", "val_loss"] if claim["kind"] == "ahead" else [claim["kind"]]
    models = [claim["model"], *([claim["other"]] if claim["kind"] == "ahead" else [])]
    measures = {}
    for metric in metrics:
        for model in models:
            measure = best_measure(runs[runs["model"] == model], metric, seeds, images)
            if measure is None:
                return Judgement(claim, "unjudged", [Obstacle("diverged", model)])
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
    return Judgement(
        claim, verdict, obstacles, measures=measures, differences={metric: difference}, noises={metric: noise}
    )


def best_measure(runs: pd.DataFrame, metric: str, seeds: int, images: int) -> Measure | None:
    """The mean over the seeds of one model's highest val_acc, or lowest val_loss, over the runs of each seed.

    The best run is chosen for each seed by itself because the write-up chose it among its runs of one seed. `images` is
    the number of validation images. None if for some seed every run diverged.
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
    return Measure(value, binomial_error(value, images) if metric == "val_acc" else None, best)


def _judge_best(claim: Mapping[str, Any], images: int, runs: pd.DataFrame) -> Judgement:
    ranking = rank(runs, "val_loss", images)
    if ranking is None:
        return Judgement(claim, "unjudged", [Obstacle("diverged", claim["model"])])
    theirs = claim["value"]
    if theirs == ranking.names[0]:
        verdict = "reproduced"
    else:
        verdict = "within_noise" if theirs in ranking.candidates else "not_reproduced"
    position = ranking.names.index(theirs) + 1 if theirs in ranking.names else None
    return Judgement(claim, verdict, ours=ranking.names[0], rank=position)


def _judge_ahead(claim: Mapping[str, Any], measures: dict[tuple[str, str], Measure]) -> Judgement:
    """Reproduced if the model is ahead in both metrics by more than NOISE_FACTOR times the noise, not reproduced if it
    is behind in one of them by as much. If the noise is not known, the sign alone decides."""
    differences, noises, signs = {}, {}, []
    for metric in ("val_acc", "val_loss"):
        model, other = measures[metric, claim["model"]], measures[metric, claim["other"]]
        differences[metric], noises[metric] = subtract(model, other, metric)
        gain = differences[metric] if metric == "val_acc" else -differences[metric]
        least = NOISE_FACTOR * (noises[metric] or 0)
        signs.append((gain > least) - (gain < -least))
    verdict = "reproduced" if min(signs) == 1 else "not_reproduced" if min(signs) == -1 else "within_noise"
    return Judgement(claim, verdict, measures=measures, differences=differences, noises=noises)


def subtract(model: Measure, other: Measure, metric: str) -> tuple[float, float | None]:
    """A model's measure minus another model's, and the noise of that difference; None if it is not known.

    With several seeds the noise is the standard deviation of the differences seed by seed; with one seed it is that of
    two values whose noises are independent.
    """
    difference = model.value - other.value
    if len(model.runs) > 1:
        column = f"last_{metric}"
        by_seed = model.runs[column].to_numpy() - other.runs[column].to_numpy()
        return difference, float(by_seed.std(ddof=1))
    if model.noise is None or other.noise is None:
        return difference, None
    return difference, math.hypot(model.noise, other.noise)
