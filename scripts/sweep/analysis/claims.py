"""The write-up's claims, judged by what this sweep found with the write-up's configurations; those on the models' sizes
and on shifted pictures, by what was found out about the best runs, whatever their data and grid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.analysis.comparisons import Difference, Figure, deviation, is_equivalent, subtract
from sweep.analysis.examined import LOST_DISTANCE, WRONG, Examination, Shift, Size
from sweep.analysis.noise import Noise, run_noise, seeds_to_know
from sweep.analysis.ranking import rank
from sweep.analysis.rungs import is_finished, survivors
from sweep.analysis.tables import DIGITS
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
# So many seeds tell by themselves how much the best figure of a seed varies; of fewer it is said to vary as a run does.
OWN_SEEDS = 3

Floats = NDArray[np.float64]


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
        noise: the noise of a run is not known; `theirs` is the least number of seeds that would tell it;
        equal: the model's runs that differ in the seed alone do not differ, so that what chance does is not known;
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
    """What this sweep measured for one metric of one model: the mean over the seeds of the best value of each seed.

    With OWN_SEEDS seeds or more its noise is the standard deviation between the best values. With fewer, and of leads,
    it is that of a run, which is larger, since the best of many values varies less than one of them: verdicts are then
    careful.
    """

    figure: Figure
    # Rows of the table of runs that the value comes from, one a seed, in the order of the seeds.
    runs: pd.DataFrame


@dataclass(frozen=True)
class Judgement:
    """A claim and its verdict.

    `verdict` is one of:
        consistent: what is claimed may well be one more draw of what was measured here. A figure is within the 95 %
            prediction interval for one new draw; a best configuration cannot be told apart from ours; a model's lead
            is told from 0;
        not_consistent: the figure is outside, the configuration is told apart, or it is the other model that leads;
        undecided: only for leads: they are not told from 0;
        unjudged: see `obstacles`.
    """

    claim: Mapping[str, Any]
    verdict: str
    # Why the verdict is unjudged; empty for the others.
    obstacles: list[Obstacle] = field(default_factory=list)
    # For claims on the best configuration: the name of ours, the rank that the write-up's has in our ranking, and how
    # many configurations cannot be told apart from ours, it included: each of them would have been consistent. Or, in
    # the place of the last two, the epochs after which a halved search stopped the write-up's.
    ours: str | None = None
    rank: int | None = None
    candidates: int | None = None
    stopped: int | None = None
    # For claims on examinations: what is compared, by model, and of shifts the number of pictures that are compared.
    examined: dict[str, float] = field(default_factory=dict)
    pictures: int | None = None
    # For claims on metrics: our measures by metric and model.
    measures: dict[tuple[str, str], Measure] = field(default_factory=dict)
    # By metric, or by what is compared, the difference that decides: a figure's is ours minus the write-up's, and the
    # prediction interval is our figure ± its `least`; a lead's is the model's minus the other's.
    differences: dict[str, Difference] = field(default_factory=dict)
    # For claims on figures: whether the prediction interval lies within the margin that the write-up's data name, so
    # that the difference does not matter, consistent or not. None if they name no margin.
    equivalent: bool | None = None


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
    theirs = Grid.of(writeup["sweep"]["models"], grid.seeds)
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
            judgements.append(_judge(claim, theirs, compared, left, writeup.get("margins", {})))
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


def _judge(
    claim: Mapping[str, Any], grid: Grid, runs: pd.DataFrame, left: pd.DataFrame, margins: Mapping[str, float]
) -> Judgement:
    """Judge a claim on metrics by the runs of the write-up's configurations alone, whose grid is `grid`: by those of
    these `runs` that no halving stopped, `left`. Their noise is found in them, too: the write-up's grid is complete,
    even where ours is not."""
    models = [claim["model"], *([claim["other"]] if claim["kind"] == "ahead" else [])]
    for model in models:
        own = runs[(runs["model"] == model) & (runs["status"] == "completed")]
        if len(own) and model not in set(left["model"]):
            return Judgement(claim, "unjudged", [Obstacle("all_stopped", model, int(own["epochs"].max()))])
    if claim["kind"] == "best":
        return _judge_best(claim, grid, runs, left)
    metrics = ["val_acc", "val_loss"] if claim["kind"] == "ahead" else [claim["kind"]]
    measures = {}
    for metric in metrics:
        for model in models:
            best = best_runs(left[left["model"] == model], metric, len(grid.seeds))
            if best is None:
                return Judgement(claim, "unjudged", [Obstacle("diverged", model)])
            column = f"last_{metric}"
            noise = run_noise(left, column, model, grid)
            own = left[left["model"] == model]
            figure = best_figure(best, own, column, noise, pooled=claim["kind"] == "ahead")
            if figure is None:
                return Judgement(claim, "unjudged", [_unknown_noise(model, grid, left)])
            if not round(figure.sd, DIGITS):
                return Judgement(claim, "unjudged", [Obstacle("equal", model)])
            measures[metric, model] = Measure(figure, best)
    if claim["kind"] == "ahead":
        return _judge_ahead(claim, measures)
    (measure,) = measures.values()
    difference = deviation(measure.figure, float(claim["value"]))
    margin = margins.get(claim["kind"])
    return Judgement(
        claim,
        "not_consistent" if difference.sign else "consistent",
        measures=measures,
        differences={claim["kind"]: difference},
        equivalent=None if margin is None else is_equivalent(difference, margin),
    )


def _unknown_noise(model: str, grid: Grid, runs: pd.DataFrame) -> Obstacle:
    needed = seeds_to_know(runs.loc[runs["model"] == model, "name"].nunique())
    # Where there are so many, a configuration is erratic, and the bests must tell by themselves.
    return Obstacle("noise", model, len(grid.seeds), needed if len(grid.seeds) < needed else OWN_SEEDS)


def best_runs(runs: pd.DataFrame, metric: str, seeds: int) -> pd.DataFrame | None:
    """The run with the highest val_acc, or the lowest val_loss, of each seed, in the order of the seeds. `runs` are
    those of one model.

    The best is chosen for each seed by itself because the write-up chose it among its runs of one seed. None if for
    some seed every run diverged.
    """
    completed = runs[runs["status"] == "completed"]
    by_seed = completed.groupby("seed")[f"last_{metric}"]
    best = completed.loc[by_seed.idxmin() if metric == "val_loss" else by_seed.idxmax()]
    return best if len(best) == seeds else None


def best_figure(
    best: pd.DataFrame, runs: pd.DataFrame, column: str, noise: Noise | None, pooled: bool
) -> Figure | None:
    """The mean of a column over the `best` run of each seed, with its noise as `Measure` says; None if that is not
    known.

    `runs` are those of the model, and `noise` is theirs. With `pooled` the noise of a run is taken for any number of
    seeds, as for leads, so that more seeds never know less; but none of it where a configuration is erratic.
    """
    values = best[column].to_numpy(float)
    seeds = len(values)
    figure = None
    if seeds >= OWN_SEEDS and not (pooled and noise and not noise.erratic):
        figure = Figure(float(values.mean()), float(values.std(ddof=1)), seeds - 1, seeds)
    elif noise is not None and not noise.erratic:
        # Any seed's best may be of an erratic configuration, whatever these are of. One that merely varies more than
        # others has its own deviation.
        own = runs[runs["name"].isin(best["name"])].groupby("name")[column].std().max()
        figure = Figure(float(values.mean()), max(noise.sd, 0.0 if math.isnan(own) else float(own)), noise.df, seeds)
    return figure


def _judge_best(claim: Mapping[str, Any], grid: Grid, runs: pd.DataFrame, left: pd.DataFrame) -> Judgement:
    """What a configuration that a halving stopped would have come to is not known, so that nothing is judged by it."""
    model = claim["model"]
    runs, left = (table[table["model"] == model] for table in (runs, left))
    ranking = rank(left, "val_loss", run_noise(left, "last_val_loss", model, grid))
    if ranking is None:
        return Judgement(claim, "unjudged", [Obstacle("diverged", model)])
    theirs = claim["value"]
    own = runs[runs["name"] == theirs]
    if theirs not in set(left["name"]) and (own["status"] == "completed").all():
        epochs = int(own["epochs"].max())
        obstacle = Obstacle("stopped", model, epochs, theirs)
        return Judgement(claim, "unjudged", [obstacle], ours=ranking.names[0], stopped=epochs)
    if ranking.candidates is None:
        return Judgement(claim, "unjudged", [_unknown_noise(model, grid, left)])
    return Judgement(
        claim,
        "consistent" if theirs in ranking.candidates else "not_consistent",
        ours=ranking.names[0],
        rank=ranking.names.index(theirs) + 1 if theirs in ranking.names else None,
        candidates=len(ranking.candidates),
    )


def _judge_ahead(claim: Mapping[str, Any], measures: dict[tuple[str, str], Measure]) -> Judgement:
    """Consistent if the model leads in both metrics, not consistent if it is behind in one of them, each time told from
    0."""
    differences = {
        metric: subtract(*(measures[metric, claim[role]].figure for role in ("model", "other")))
        for metric in ("val_acc", "val_loss")
    }
    signs = (differences["val_acc"].sign, -differences["val_loss"].sign)
    verdict = "consistent" if min(signs) == 1 else "not_consistent" if min(signs) == -1 else "undecided"
    return Judgement(claim, verdict, measures=measures, differences=differences)


def _judge_examined(claim: Mapping[str, Any], grid: Grid, examinations: Mapping[str, Examination]) -> Judgement:
    """Compare the two models' examinations. Sizes are counted, so that their difference has no error."""
    models = (claim["model"], claim["other"])
    compared, sign = EXAMINED[claim["kind"]]
    found = [_examined_part(model, compared, grid, examinations) for model in models]
    if obstacles := [part for part in found if isinstance(part, Obstacle)]:
        return Judgement(claim, "unjudged", list(dict.fromkeys(obstacles)))
    first, second = found
    pictures = None
    if isinstance(first, Shift) and isinstance(second, Shift):
        if len(first.lost) != len(second.lost):
            # They are of different test sets.
            return Judgement(claim, "unjudged", [Obstacle("unexamined")])
        lost = compare_lost(first, second)
        if lost.pictures < LEAST_PICTURES:
            few = Obstacle("few_pictures", models[0], lost.pictures, LEAST_PICTURES, models[1])
            return Judgement(claim, "unjudged", [few])
        values, pictures, difference = lost.shares, lost.pictures, lost.difference
    else:
        values = (getattr(first, compared), getattr(second, compared))
        difference = Difference(values[0] - values[1], error=0.0, df=1)
    # Of equal sizes none is fewer: no chance could have made them so.
    undecided = "undecided" if pictures else "not_consistent"
    return Judgement(
        claim,
        {sign: "consistent", 0: undecided, -sign: "not_consistent"}[difference.sign],
        examined=dict(zip(models, values, strict=True)),
        pictures=pictures,
        differences={compared: difference},
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
    that two models both have right unmoved: of each model the mean share of the moves, and the mean difference picture
    by picture."""

    pictures: int
    shares: tuple[float, float]
    difference: Difference


def compare_lost(model: Shift, other: Shift) -> Lost:
    """Compare what two models, examined on the same test set, lose. Of fewer than two pictures the numbers are NaN."""
    pairs = [pair for pair in zip(model.lost, other.lost, strict=True) if WRONG not in pair]
    if len(pairs) < 2:
        return Lost(len(pairs), (math.nan, math.nan), Difference(math.nan, math.nan, math.nan))
    moves = len(model.accuracies[LOST_DISTANCE])
    shares = np.array([[int(lost) for lost in pair] for pair in pairs]) / moves
    first, second = shares.mean(axis=0).tolist()
    error = float((shares[:, 0] - shares[:, 1]).std(ddof=1)) / math.sqrt(len(pairs))
    return Lost(len(pairs), (first, second), Difference(first - second, error, len(pairs) - 1))
