"""What the templates of the Markdown report are given.

A number that the report shows is a text that `Citations` marked. A row of a table has the plain values, and the marked
texts under "shown".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from sweep.analysis.claims import judge
from sweep.analysis.comparisons import seeds_to_tell, subtract, tellable_difference
from sweep.analysis.examined import Examination
from sweep.analysis.noise import find_mixtures, run_noise, seeds_to_know
from sweep.analysis.ranking import Ranking, configuration_figure, honest_accuracy, rank_model
from sweep.analysis.rungs import count_by_rung, is_finished, survivors
from sweep.analysis.tables import read_table
from sweep.grid import MAIN, Grid, Partial, Space
from sweep.metrics import METRIC_LABELS, effect_is_points, heatmaps_are_points, label
from sweep.report.appendix import SHOWN_METRICS, appendix_context
from sweep.report.citations import (
    IN_SENTENCE,
    LISTED,
    MISSING,
    Citations,
    all_runs,
    cite_file,
    cite_record,
    cite_runs,
    rounded,
    rows_of,
)
from sweep.report.claim_table import claims_context
from sweep.report.examined import examined_context
from sweep.report.nearest import nearest_context
from sweep.report.parameters import effects_context, further, shown_parameters, space_context

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# The report says how many seeds would find so small a difference of val_acc. It calls the noise uneven if chance makes
# deviations as different as those that it finds with less than the second probability.
SMALL_DIFFERENCE = 0.005
UNEVEN = 0.01
# Convolutions are expected to help on images: what the report says of it if this model is ahead.
EXPECTATIONS = {"cnn": "expected", "mlp": "unexpected"}


@dataclass(frozen=True)
class Tables:
    """A grid, and those of its tables that the report shows."""

    grid: Grid
    runs: pd.DataFrame
    configurations: pd.DataFrame
    importance: pd.DataFrame

    @classmethod
    def read(cls, grid: Path, folder: Path) -> Self:
        """Read the tables in `folder` of the grid in the file `grid`."""
        names = ("runs", "configurations", "importance")
        return cls(Grid.read(grid), *(read_table(folder / f"{name}.csv") for name in names))


def report_context(
    citations: Citations,
    tables: Tables,
    manifest: "Manifest",
    writeup: Mapping[str, Any],
    top: int,
    author: str,
    studies: Sequence[Tables] = (),
    examinations: Mapping[str, Examination] | None = None,
) -> dict[str, Any]:
    """All that a template may name.

    `tables` are those of the sweep, from whose runs `citations` cite, and `studies` those of the studies. `writeup` is
    the content of writeup.yaml, `top` the number of configurations that tables and figures show. `examinations` has
    those of the best runs, by model; a preview has none.
    """
    examinations = examinations or {}
    grid = tables.grid
    models = [model_context(citations, name, tables, manifest, top, examinations.get(name)) for name in grid.models]
    everything = [tables, *studies]
    compared = [study_context(citations, study) for study in studies]
    explain_once([*models, *(model for study in compared for model in study["models"])])
    spaces = [space for each in everything for space in each.grid.models.values()]
    values = {
        "partial": partial_context(citations, grid.partial, models),
        "author": author,
        "data": data_context(citations, manifest),
        "techniques": techniques(grid),
        "seeds": [citations.setting(seed, f"seeds.{position}") for position, seed in enumerate(grid.seeds)],
        "several_seeds": len(grid.seeds) > 1,
        "rank_by": grid.rank_by,
        "metric_labels": METRIC_LABELS,
        "models": models,
        "any_diverged": any((each.runs["status"] == "diverged").any() for each in everything),
        "heatmap_points": any(heatmaps_are_points(space) for space in spaces),
        "effect_points": any(effect_is_points(space, name) for space in spaces for name in space.varying),
        "any_incomplete": not all(space.complete for space in spaces),
        # The further hyper-parameters that are anywhere not at their default: the text says what those of the training
        # do.
        "further": {name for space in spaces for name in further(space)},
        "comparison": comparison_context(citations, models, tables),
        "studies": compared,
        "examined": examined_context(citations, grid, examinations),
        "mixtures": mixtures_context(citations, tables.runs, "*", {}),
        "margins": {
            metric: citations.setting(margin, f"margins.{metric}", "writeup.yaml")
            for metric, margin in writeup.get("margins", {}).items()
        },
        "claims": claims_context(
            citations, grid, *judge(writeup, grid, manifest, citations.runs, examinations), examinations
        ),
    }
    # All configurations that the report names are known by now.
    whole = citations.within("*", all_runs([each.runs for each in everything])) if studies else citations
    grids = {study.grid.study: study.grid for study in studies}
    values["appendix"] = appendix_context(whole, grid, manifest, top, grids)
    return values


def techniques(grid: Grid) -> list[str]:
    """What the title says that the sweep's models have: "batch_norm" if every configuration normalises its batches, and
    "dropout" if some configuration drops anything out. Of a model without such a hyper-parameter it is not known."""
    configurations = [each for space in grid.models.values() for each in space.configurations]
    normalised = all(each.get("batch_norm") is True for each in configurations)
    dropped = any(each["dropout_rate"] for each in configurations)
    return ["batch_norm"] * normalised + ["dropout"] * dropped


def explain_once(models: Sequence[Mapping[str, Any]]) -> None:
    """Mark the first tables of importance of each kind: their text says what the numbers mean, and later ones refer to
    it."""
    explained = set()
    for effects in (model["effects"] for model in models if model["effects"]["importance"]):
        found = effects["importance"]
        kind = (found["method"], found["pairs"], found["tested"], effects["first_rung"] is not None)
        found["first"] = kind not in explained
        explained.add(kind)


def partial_context(
    citations: Citations, partial: Partial | None, models: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """What a preview's report says at its top; None for a finished sweep. `models` are their sections."""
    if partial is None:
        return None
    found: dict[str, list[str]] = {}
    for entry in partial.stale:
        found.setdefault(", ".join(entry["differs"]), []).append(entry["run"])
    stale = {citations.setting(differs, "partial.stale"): runs for differs, runs in found.items()}
    stale_file = cite_file("grid.json", "partial.stale")
    unfinished = [model for model in models if model["halving"] and not model["halving"]["finished"]]
    counts = {"runs": partial.runs, "missing": partial.missing, "damaged": len(partial.damaged)}
    return {
        "kind": "mixed" if partial.stale else "partial" if partial.incomplete or unfinished else "complete",
        "shown": {name: citations.setting(count, f"partial.{name}") for name, count in counts.items()},
        # Paths of runs, by what differs in them.
        "stale": {differs: runs[:LISTED] for differs, runs in stale.items()},
        "stale_unlisted": {differs: citations.rest(runs, stale_file) for differs, runs in stale.items()},
        "damaged": partial.damaged[:LISTED],
        "damaged_unlisted": citations.rest(partial.damaged, cite_file("grid.json", "partial.damaged")),
        "left_out": [label(model) for model in partial.left_out],
        # The models whose halving goes on.
        "unfinished": unfinished,
    }


def data_context(citations: Citations, manifest: "Manifest") -> dict[str, Any]:
    return {
        "source": manifest.source,
        "classes": citations.count(len(manifest.class_names), cite_file("manifest.json", "class_names")),
        "sizes": {
            split: citations.setting(size, f"sizes.{split}", "manifest.json") for split, size in manifest.sizes.items()
        },
        "content_hash": manifest.content_hash,
    }


def model_context(
    citations: Citations,
    name: str,
    tables: Tables,
    manifest: "Manifest",
    top: int,
    examination: Examination | None = None,
) -> dict[str, Any]:
    """A model's section: its search space, its ranking, its best values over all configurations, and how sure it is.

    Configurations with a run that diverged are not ranked; their diverged runs are listed in "diverged". Nor are those
    of a halved model that were stopped before others, since a loss after fewer epochs is no rank.
    """
    space, rank_by = tables.grid.models[name], tables.grid.rank_by
    runs, configurations = (table[table["model"] == name] for table in (tables.runs, tables.configurations))
    diverged = runs["status"] == "diverged"
    compared, furthest = (survivors(table, tables.grid) for table in (runs, configurations))
    ranking = rank_model(tables.runs, name, tables.grid)
    rows = rows_of(furthest[furthest["diverged"] == 0].sort_values("rank"))

    def show(row: Mapping[str, Any]) -> dict[str, Any]:
        return configuration_row(citations, row, space, rank_by)

    sure = None
    if ranking:
        among = of_rung(space, rows[0])
        sure = sure_context(citations, name, replace(tables, runs=compared), ranking, manifest.sizes["test"], among)
    return {
        "name": name,
        "label": label(name),
        "space": space_context(citations, name, space),
        "halving": halving_context(citations, name, tables.grid, runs) if space.halving else None,
        "runs": citations.count(len(runs), cite_runs(f"{name}/*")),
        "drawn": citations.cite(
            str(min(top, len(furthest))),
            "drawn",
            [cite_runs(f"{name}/*", None, **of_rung(space, rows_of(furthest)[0]))],
        ),
        "ranking": [show(row) for row in rows[:top]],
        "highest_val_acc": show(max(rows, key=lambda row: row["last_val_acc"])) if rows else None,
        "lowest_val_loss": show(min(rows, key=lambda row: row["last_val_loss"])) if rows else None,
        # None if runs of the grid are missing, of a halved model those of the rung that is ranked.
        "sure": sure,
        # None if no configuration is there to be compared with the best.
        "nearest": nearest_context(citations, examination, manifest.sizes["validation"]) if len(rows) > 1 else None,
        "diverged_runs": citations.count(diverged.sum(), cite_runs(f"{name}/*", "status", equals="diverged")),
        "diverged": [diverged_row(citations, run) for run in rows_of(runs[diverged][:LISTED])],
        "diverged_unlisted": citations.rest(runs[diverged], cite_runs(f"{name}/*", "status", equals="diverged")),
        "effects": effects_context(citations, name, space, tables.importance),
    }


def halving_context(citations: Citations, model: str, grid: Grid, runs: pd.DataFrame) -> dict[str, Any]:
    """How a model's search was halved: its rungs, each with the number of configurations that were trained for so many
    epochs, and the epochs that this asks for. `runs` are the model's rows of the table of runs.

    "furthest" is the number of epochs that the ranked configurations have. A preview's halving may not be finished.
    """
    space, entry = grid.models[model], f"models.{model}"
    counts = count_by_rung(runs, space)
    entries = [f"{entry}.halving.epochs.{place}" for place in range(len(space.rungs) - 1)]
    rungs = [
        {
            "epochs": citations.setting(epochs, of_epochs),
            "one_epoch": epochs == 1,
            "configurations": citations.cite(
                str(counts[epochs]),
                "configurations trained",
                [cite_runs(f"{model}/*", epochs=longer) for longer in space.rungs[place:]],
            ),
        }
        for place, (epochs, of_epochs) in enumerate(zip(space.rungs, [*entries, f"{entry}.epochs"], strict=True))
    ]
    full = len(space.configurations) * len(grid.seeds) * space.epochs
    full_cited = [cite_file("grid.json", name) for name in (entry, "seeds")]
    furthest = int(runs["epochs"].max())
    return {
        "finished": is_finished(runs, space),
        "keep": citations.setting(space.halving["keep"], f"{entry}.halving.keep"),
        "rungs": rungs,
        "furthest": citations.cite(str(furthest), "maximum", [cite_runs(f"{model}/*", "epochs")]),
        "furthest_one_epoch": furthest == 1,
        "epochs": citations.cite(str(runs["epochs"].sum()), "sum of epochs", [cite_runs(f"{model}/*", "epochs")]),
        "full_epochs": citations.cite(str(full), "epochs of the full grid", full_cited),
    }


def of_rung(space: Space, row: Mapping[str, Any]) -> dict[str, int]:
    """The condition by which `cite_runs` cites the runs that a row of the table of configurations is ranked among."""
    return {"epochs": int(row["epochs"])} if space.halving else {}


def configuration_row(citations: Citations, row: Mapping[str, Any], space: Space, rank_by: str) -> dict[str, Any]:
    """A row of the table of configurations, none of whose runs diverged, and what the report shows of it."""
    model, name = row["model"], row["name"]
    runs = rows_of(citations.runs_of(model, name))
    patterns = (f"{model}/{name}/*", f"{model}/*")
    compared = [cite_runs(pattern, f"last.{rank_by}", **of_rung(space, row)) for pattern in patterns]
    shown = {
        "rank": citations.cite(str(row["rank"]), "rank", compared),
        "parameters": shown_parameters(citations, runs[0], space),
        **shown_metrics(citations, row, runs),
        "n": citations.count(len(runs), *(cite_record(run, "seed") for run in runs)),
    }
    return {**row, **citations.name(model, name), "shown": shown}


def shown_metrics(citations: Citations, row: Mapping[str, Any], runs: list[dict[str, Any]]) -> dict[str, str]:
    """The metrics of a row of the table of configurations, whose `runs` all completed."""
    return {
        column: citations.mean(row[column], row[f"{column}_std"], [cite_record(run, column) for run in runs])
        for column in SHOWN_METRICS
    }


def sure_context(
    citations: Citations, name: str, tables: Tables, ranking: Ranking, images: int, rung: Mapping[str, int]
) -> dict[str, Any]:
    """How sure the ranking of the model `name` is: whether the noise of a run is known, from what, and what it leaves
    open. Of a halved model, `tables` have the ranked runs alone, and `rung` is the condition that cites these. `images`
    is the number of test images."""
    runs = tables.runs[tables.runs["model"] == name]
    cited = [cite_runs(f"{name}/*", f"last.{tables.grid.rank_by}", **rung)]
    best = ranking.names[0]
    own = runs[runs["name"] == best]
    tested = honest_accuracy(own["best_test_acc"].to_numpy(float), images)
    cited_tests = [cite_runs(f"{name}/{best}/*", "best.test_acc", **rung), cite_file("manifest.json", "sizes.test")]
    context = {
        "mixtures": mixtures_context(citations, runs, f"{name}/*", rung),
        "ranked": citations.cite(str(len(ranking.names)), "ranked", cited),
        "tested": {
            side: citations.cite(rounded(getattr(tested, side), (tested.high - tested.low) / 2), how, cited_tests)
            for side, how in (
                ("accuracy", "mean"),
                ("low", "low end of the 95 % interval"),
                ("high", "high end of the 95 % interval"),
            )
        },
    }
    if ranking.noise is None or ranking.candidates is None:
        needed = citations.cite(str(seeds_to_know(len(ranking.names))), "seeds that would tell", cited)
        return {**context, "kind": "unknown", "compared": False, "seeds_needed": needed}
    noise = ranking.noise
    return {
        **context,
        "kind": noise.origin,
        # Of a single configuration, and where no run differs by chance, there is nothing to be told apart.
        "compared": len(ranking.names) > 1 and noise.sd > 0,
        "noise": citations.cite(rounded(noise.sd, noise.sd), "noise of a run", cited) if noise.sd else None,
        "df": citations.cite(str(noise.df), "degrees of freedom", cited),
        "uneven": noise.homogeneity is not None and noise.homogeneity < UNEVEN,
        "erratic": [citations.name(name, each) for each in noise.erratic[:IN_SENTENCE]],
        "erratic_unlisted": citations.rest(noise.erratic, *cited, shown=IN_SENTENCE),
        "alone": len(ranking.candidates) == 1,
        "candidates": [citations.name(name, each) for each in ranking.candidates[:IN_SENTENCE]],
        "shown": citations.cite(str(len(ranking.candidates)), "not told apart from the best", cited),
        "unlisted": citations.rest(ranking.candidates, *cited, shown=IN_SENTENCE),
        "reach": ranking.reach and citations.cite(rounded(ranking.reach, ranking.reach), "least difference", cited),
        "optimism": ranking.optimism
        and citations.cite(rounded(ranking.optimism, noise.sd), "optimism of the best", cited),
        "power": power_context(citations, name, tables, ranking.seeds, rung),
    }


def mixtures_context(citations: Citations, runs: pd.DataFrame, pattern: str, rung: Mapping[str, int]) -> dict[str, str]:
    """What these runs, those of the `pattern` and of the `rung`, were made with that is not the same for all:
    {"precision": "bf16, fp32"}."""
    return {
        kind: citations.cite(", ".join(values), "values", [cite_runs(pattern, f"environment.{kind}", **rung)])
        for kind, values in find_mixtures(runs).items()
    }


def power_context(
    citations: Citations, name: str, tables: Tables, seeds: int, rung: Mapping[str, int]
) -> dict[str, str] | None:
    """What differences of val_acc so many seeds find, and how many seeds would find SMALL_DIFFERENCE; None if the noise
    of val_acc is not known, or is 0."""
    noise = run_noise(tables.runs, "last_val_acc", name, tables.grid)
    if noise is None or not noise.sd:
        return None
    cited = [cite_runs(f"{name}/*", "last.val_acc", **rung)]
    found = tellable_difference(seeds, noise.sd, noise.df)
    small = cite_file("scripts/sweep/report/context.py", "SMALL_DIFFERENCE")
    needed = seeds_to_tell(SMALL_DIFFERENCE, noise.sd, noise.df)
    return {
        "noise": citations.cite(rounded(noise.sd, noise.sd), "noise of a run", cited),
        "run": citations.count(seeds, cite_file(citations.grid_file, "seeds")),
        "found": citations.cite(rounded(found, found), "difference found", cited),
        "small": citations.cite(str(SMALL_DIFFERENCE), "setting", [small]),
        "seeds": citations.cite(str(needed), "seeds that find", [*cited, small]),
    }


def diverged_row(citations: Citations, run: Mapping[str, Any]) -> dict[str, Any]:
    shown = {column: citations.value(run, column) for column in ("seed", "diverged_epoch")}
    return {**citations.name(run["model"], run["name"]), **shown}


def comparison_context(
    citations: Citations, models: Sequence[Mapping[str, Any]], tables: Tables
) -> dict[str, Any] | None:
    """The models that have a ranking, compared by their best values; None if there are fewer than two.

    "kind" says what the comparison finds: the best values of a metric are "tied", the two metrics "disagree", or one
    model is "ahead" by both.
    """
    ranked = [model for model in models if model["ranking"]]
    if len(ranked) < 2:
        return None
    by_accuracy = sorted(ranked, key=lambda model: -model["highest_val_acc"]["last_val_acc"])
    by_loss = sorted(ranked, key=lambda model: model["lowest_val_loss"]["last_val_loss"])
    tied = []
    for metric, best, order in (("val_acc", "highest_val_acc", by_accuracy), ("val_loss", "lowest_val_loss", by_loss)):
        first, second = (model[best][f"last_{metric}"] for model in order[:2])
        if first == second:
            tied.append(metric)
    return {
        "kind": "tied" if tied else "disagree" if by_accuracy[0] is not by_loss[0] else "ahead",
        "by_accuracy": by_accuracy,
        "by_loss": by_loss,
        "tied": tied,
        "halved": [model["label"] for model in ranked if model["halving"]],
        "expectation": EXPECTATIONS.get(by_accuracy[0]["name"]),
        **lead_context(citations, by_accuracy[:2], tables),
    }


def lead_context(citations: Citations, models: Sequence[Mapping[str, Any]], tables: Tables) -> dict[str, Any]:
    """Whether the first model's highest val_acc is told apart from the second's, once the luck is taken off that made
    each the best of its model, which is more where there are more configurations: "lead" is "clear" or "unclear",
    "unknown" if the noise of a run is not known, or None if the two are of unequally many runs, as in a preview."""
    runs = [citations.runs_of(model["name"], model["highest_val_acc"]["name"]) for model in models]
    if len(runs[0]) != len(runs[1]):
        return {"lead": None}
    figures = []
    by_accuracy = replace(tables.grid, rank_by="val_acc")
    for model, own in zip(models, runs, strict=True):
        ranking = rank_model(tables.runs, model["name"], by_accuracy)
        if ranking is None or ranking.noise is None or ranking.optimism is None:
            return {"lead": "unknown"}
        figure = configuration_figure(own["last_val_acc"].to_numpy(float), ranking.noise)
        figures.append(replace(figure, value=figure.value - ranking.optimism))
    difference = subtract(*figures)
    # The luck of the best and the noise are of all runs that are compared.
    cited = [cite_record(run, "last_val_acc") for own in runs for run in rows_of(own)]
    cited += [
        cite_runs(f"{model['name']}/*", "last.val_acc", **of_rung(tables.grid.models[model["name"]], rows_of(own)[0]))
        for model, own in zip(models, runs, strict=True)
    ]
    return {
        "lead": "clear" if difference.sign == 1 else "unclear",
        "lead_value": citations.cite(rounded(difference.value, difference.least), "lead without luck", cited),
        "lead_least": citations.cite(rounded(difference.least, difference.least), "least lead", cited),
    }


def study_context(citations: Citations, study: Tables) -> dict[str, Any]:
    """A study's section: for each of its models the search space, the configurations, and the figures."""
    name = study.grid.study
    inside = citations.within(name, study.runs)
    return {"name": name, "models": [study_model(inside, model, study) for model in study.grid.models]}


def study_model(citations: Citations, name: str, study: Tables) -> dict[str, Any]:
    """A model of a study. Its configurations are listed by rank, the diverged ones last, with what differs in them."""
    space = study.grid.models[name]
    runs, configurations = (table[table["model"] == name] for table in (study.runs, study.configurations))
    rows = rows_of(configurations.sort_values("rank"))
    # Of a single configuration nothing differs: it is shown whole.
    differs = space.varying or list(MAIN)
    return {
        "label": label(name),
        "space": space_context(citations, name, space),
        "runs": citations.count(len(runs), citations.match(f"{name}/*")),
        "diverged": bool((configurations["diverged"] > 0).any()),
        "differs": differs,
        "rows": [study_row(citations, row, space, differs) for row in rows[:LISTED]],
        "unlisted": citations.rest(rows, citations.match(f"{name}/*")),
        "effects": effects_context(citations, name, space, study.importance),
    }


def study_row(citations: Citations, row: Mapping[str, Any], space: Space, differs: Sequence[str]) -> dict[str, Any]:
    """A configuration of a study, with its values of the hyper-parameters in `differs`. One with a run that diverged
    has no metrics."""
    runs = rows_of(citations.runs_of(row["model"], row["name"]))
    parameters = shown_parameters(citations, runs[0], space)
    diverged = row["diverged"] > 0
    return {
        **citations.name(row["model"], row["name"]),
        "diverged": diverged,
        "values": [parameters[name] for name in differs],
        **(dict.fromkeys(SHOWN_METRICS, MISSING) if diverged else shown_metrics(citations, row, runs)),
    }
