"""The write-up's claims, judged by what this sweep found with the write-up's configurations; those on the models' sizes
and on shifted pictures, by what was found out about the best runs, whatever their data and grid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sweep.analysis.examined import LOST_DISTANCE, WRONG, Examination, Shift, Size
from sweep.analysis.ranking import NOISE_FACTOR, binomial_error, rank
from sweep.analysis.rungs import is_finished, survivors
from sweep.grid import MAIN, Grid, Partial

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# The lists of the write-up's search spaces, and the hyper-parameters whose values they are.
SPACE = dict(zip(("batch_sizes", "learning_rates", "dropout_rates"), MAIN, strict=True))
# The claims that compare the examinations of two models: what is compared, and the sign that its difference, the
# model's minus the other's, has if the claim holds.
EXAMINED = {
    "fewer_parameters": ("parameters", -1),
    "more_computation": ("multiply_adds", 1),
    "more_shift_invariant": ("lost", -1),
}
# With fewer pictures that both models have right, their shares lost are not compared.
LEAST_PICTURES = 50


@dataclass(frozen=True)
class Obstacle:
    """A reason why claims cannot be judged.

    `kind` is one of:
        partial: the sweep is not finished;
        source, sizes: the data are not those of the write-up;
        absent: the model was not trained;
        epochs: the model was trained for another number of epochs;
        batch_sizes, learning_rates, dropout_rates: values of the write-up are not in the model's search space;
        configurations: the values are, but not all of the write-up's configurations;
        diverged: for some seed, every run of the model diverged;
        stopped: the halved search stopped the write-up's best configuration, `theirs`, after `ours` epochs;
        all_stopped: it stopped all of the write-up's configurations, the last ones after `ours` epochs;
        one_seed: the noise of a single loss is not known;
        unexamined: the model has no best run to examine; without a model: no runs were examined, as in a preview, or
            not on one test set;
        no_weights: the weights of the model's best run were not kept;
        few_pictures: there are too few test pictures that the model and `other` both have right.
    `model` is None if all models are concerned. `ours` and `theirs` are the two values if one differs from the other.
    Of a search space, `theirs` are the write-up's values, or the number of its configurations, and `ours` those of them
    that are missing; of pictures, `theirs` is the least number.
    """

    kind: str
    model: str | None = None
    ours: Any = None
    theirs: Any = None
    # The second of the two models that were compared.
    other: str | None = None


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
    # For claims on the best configuration: the name of ours, and the rank that the write-up's has in our ranking, or
    # the epochs after which a halved search stopped it.
    ours: str | None = None
    rank: int | None = None
    stopped: int | None = None
    # For claims on examinations: what is compared, by model, and of shifts the number of pictures that are compared.
    examined: dict[str, float] = field(default_factory=dict)
    pictures: int | None = None
    # For claims on metrics: our measures by metric and model.
    measures: dict[tuple[str, str], Measure] = field(default_factory=dict)
    # By metric, or by what is compared, the difference that decides and its noise.
    differences: dict[str, float] = field(default_factory=dict)
    noises: dict[str, float | None] = field(default_factory=dict)


def judge(
    writeup: Mapping[str, Any],
    grid: Grid,
    manifest: "Manifest",
    runs: pd.DataFrame,
    examinations: Mapping[str, Examination],
) -> tuple[list[Judgement], list[Obstacle], dict[str, int]]:
    """Judge every claim of `writeup`, the content of writeup.yaml. `runs` is the table of runs, and `examinations` are
    those of the models' best runs, by model.

    Where the grid is larger than the write-up's, the runs of the write-up's configurations alone decide; of a model
    that is halved, those of them alone that were not stopped early.

    Returns:
        A judgement for each claim, in their order; all obstacles, each once; and for each model that is judged by some
        of its configurations alone the number of these.
    """
    theirs = Grid.of(writeup["sweep"]["models"], [0])
    found = _differences(writeup["sweep"], theirs, grid, manifest)
    if grid.partial and _is_unfinished(grid, grid.partial, runs):
        found.insert(0, Obstacle("partial"))
    written = [(run.model, run.name) for run in theirs.runs()]
    compared = runs[pd.MultiIndex.from_frame(runs[["model", "name"]]).isin(written)]
    left = compared[compared.index.isin(survivors(runs, grid).index)]
    judgements = []
    for claim in writeup["claims"]:
        concerned = {None, claim["model"], claim.get("other")}
        if claim["kind"] in EXAMINED:
            judgements.append(_judge_examined(claim, grid, examinations))
        elif obstacles := [obstacle for obstacle in found if obstacle.model in concerned]:
            judgements.append(Judgement(claim, "unjudged", obstacles))
        else:
            judgements.append(_judge(claim, len(grid.seeds), manifest.sizes["validation"], compared, left))
    late = [obstacle for judgement in judgements for obstacle in judgement.obstacles if obstacle not in found]
    unjudged = {obstacle.model for obstacle in found}
    restricted = {
        model: len(space.configurations)
        for model, space in theirs.models.items()
        if unjudged.isdisjoint({None, model}) and len(space.configurations) < len(grid.models[model].configurations)
    }
    return judgements, [*found, *dict.fromkeys(late)], restricted


def _differences(sweep: Mapping[str, Any], theirs: Grid, grid: Grid, manifest: "Manifest") -> list[Obstacle]:
    """How this sweep differs from the write-up's, `sweep`, whose grid is `theirs`, other than by being larger."""
    found = []
    if manifest.source != sweep["data"]["source"]:
        found.append(Obstacle("source", None, manifest.source, sweep["data"]["source"]))
    sizes = sweep["data"]["sizes"]
    if manifest.sizes != sizes:
        found.append(Obstacle("sizes", None, tuple(manifest.sizes[split] for split in sizes), tuple(sizes.values())))
    names, ours_names = (dict.fromkeys((run.model, run.name) for run in each.runs()) for each in (theirs, grid))
    for model, lists in sweep["models"].items():
        ours = grid.models.get(model)
        if ours is None:
            found.append(Obstacle("absent", model))
            continue
        lacking = []
        for key, name in SPACE.items():
            values = ours.values[name]
            if missing := tuple(value for value in lists[key] if value not in values):
                lacking.append(Obstacle(key, model, missing, tuple(lists[key])))
        written = [name for name in names if name[0] == model]
        absent = [name for name in written if name not in ours_names]
        if absent and not lacking:
            lacking.append(Obstacle("configurations", model, len(absent), len(written)))
        found += lacking
        if ours.epochs != lists["epochs"]:
            found.append(Obstacle("epochs", model, ours.epochs, lists["epochs"]))
    return found


def _is_unfinished(grid: Grid, partial: Partial, runs: pd.DataFrame) -> bool:
    """Whether a preview lacks runs, among them those that a halved model's promotions will ask for."""
    halved = (is_finished(runs[runs["model"] == model], space) for model, space in grid.models.items())
    return partial.incomplete or not all(halved)


def _judge(claim: Mapping[str, Any], seeds: int, images: int, runs: pd.DataFrame, left: pd.DataFrame) -> Judgement:
    """`runs` are those of the write-up's configurations, and `left` those of them that no halving stopped."""
    models = [claim["model"], *([claim["other"]] if claim["kind"] == "ahead" else [])]
    for model in models:
        own = runs[(runs["model"] == model) & (runs["status"] == "completed")]
        if len(own) and model not in set(left["model"]):
            return Judgement(claim, "unjudged", [Obstacle("all_stopped", model, int(own["epochs"].max()))])
    if claim["kind"] == "best":
        return _judge_best(claim, images, *(table[table["model"] == claim["model"]] for table in (runs, left)))
    metrics = ["val_acc", "val_loss"] if claim["kind"] == "ahead" else [claim["kind"]]
    measures = {}
    for metric in metrics:
        for model in models:
            measure = best_measure(left[left["model"] == model], metric, seeds, images)
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


def _judge_best(claim: Mapping[str, Any], images: int, runs: pd.DataFrame, left: pd.DataFrame) -> Judgement:
    """What a configuration that a halving stopped would have come to is not known, so that nothing is judged by it."""
    ranking = rank(left, "val_loss", images)
    if ranking is None:
        return Judgement(claim, "unjudged", [Obstacle("diverged", claim["model"])])
    theirs = claim["value"]
    own = runs[runs["name"] == theirs]
    if theirs not in set(left["name"]) and (own["status"] == "completed").all():
        epochs = int(own["epochs"].max())
        obstacle = Obstacle("stopped", claim["model"], epochs, theirs)
        return Judgement(claim, "unjudged", [obstacle], ours=ranking.names[0], stopped=epochs)
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


def _judge_examined(claim: Mapping[str, Any], grid: Grid, examinations: Mapping[str, Examination]) -> Judgement:
    """Compare the two models' examinations. A difference of sizes has no noise, so that its sign decides."""
    models = (claim["model"], claim["other"])
    compared, sign = EXAMINED[claim["kind"]]
    found = [_examined_part(model, compared, grid, examinations) for model in models]
    if obstacles := [part for part in found if isinstance(part, Obstacle)]:
        return Judgement(claim, "unjudged", list(dict.fromkeys(obstacles)))
    first, second = found
    pictures, noise = None, None
    if isinstance(first, Shift) and isinstance(second, Shift):
        if len(first.lost) != len(second.lost):
            # They are of different test sets.
            return Judgement(claim, "unjudged", [Obstacle("unexamined")])
        lost = compare_lost(first, second)
        if lost.pictures < LEAST_PICTURES:
            few = Obstacle("few_pictures", models[0], lost.pictures, LEAST_PICTURES, models[1])
            return Judgement(claim, "unjudged", [few])
        values, noise, pictures = lost.shares, lost.noise, lost.pictures
    else:
        values = (getattr(first, compared), getattr(second, compared))
    difference = values[0] - values[1]
    if noise is not None and abs(difference) <= NOISE_FACTOR * noise:
        verdict = "within_noise"
    else:
        verdict = "reproduced" if sign * difference > 0 else "not_reproduced"
    return Judgement(
        claim,
        verdict,
        examined=dict(zip(models, values, strict=True)),
        pictures=pictures,
        differences={compared: difference},
        noises={compared: noise},
    )


def _examined_part(
    model: str, compared: str, grid: Grid, examinations: Mapping[str, Examination]
) -> Size | Shift | Obstacle:
    """The part of a model's examination that is compared, or what is in the way."""
    if model not in grid.models:
        return Obstacle("absent", model)
    if not examinations:
        return Obstacle("unexamined")
    examination = examinations.get(model)
    if examination is None or examination.size is None:
        return Obstacle("unexamined", model)
    if compared != "lost":
        return examination.size
    return examination.shift or Obstacle("no_weights", model)


@dataclass(frozen=True)
class Lost:
    """How many of the moves by LOST_DISTANCE pixels lose the right answer, compared on those `pictures` of the test set
    that two models both have right unmoved: of each model the mean share of the moves, and the standard error of the
    mean of the differences picture by picture."""

    pictures: int
    shares: tuple[float, float]
    noise: float


def compare_lost(model: Shift, other: Shift) -> Lost:
    """Compare what two models, examined on the same test set, lose. Of fewer than two pictures the numbers are NaN."""
    pairs = [pair for pair in zip(model.lost, other.lost, strict=True) if WRONG not in pair]
    if len(pairs) < 2:
        return Lost(len(pairs), (math.nan, math.nan), math.nan)
    moves = len(model.accuracies[LOST_DISTANCE])
    shares = np.array([[int(lost) for lost in pair] for pair in pairs]) / moves
    first, second = shares.mean(axis=0).tolist()
    error = (shares[:, 0] - shares[:, 1]).std(ddof=1) / math.sqrt(len(pairs))
    return Lost(len(pairs), (first, second), float(error))


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
