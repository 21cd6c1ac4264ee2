"""What the templates of the Markdown report are given.

A number that the report shows is a text that `Citations` marked. A row of a table has the plain values, and the marked
texts under "shown".
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.analysis.claims import Measure, judge, subtract
from sweep.analysis.ranking import BOOTSTRAP_DRAWS, NOISE_FACTOR, Ranking, binomial_error, rank
from sweep.grid import Grid, Partial, Space
from sweep.metrics import EFFECT_NAMES, METRIC_LABELS, label
from sweep.report.appendix import SHOWN_METRICS, appendix_context
from sweep.report.citations import LISTED, MISSING, Citation, Citations, cite_file, cite_record, cite_runs, rows_of
from sweep.report.claim_table import cite_measure, claims_context
from sweep.studies import variant_of

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# Convolutions are expected to help on images: what the report says of it if this model is ahead.
EXPECTATIONS = {"cnn": "expected", "mlp": "unexpected"}


def report_context(
    citations: Citations,
    grid: Grid,
    manifest: "Manifest",
    configurations: pd.DataFrame,
    writeup: Mapping[str, Any],
    rank_by: str,
    top: int,
    author: str,
    studies: Sequence[Grid] = (),
) -> dict[str, Any]:
    """All that a template may name.

    `grid` is the grid of the tables, `configurations` the table of that name, `writeup` the content of writeup.yaml,
    `top` the number of configurations that tables and figures show, `studies` the grids of the studies.
    """
    models = [
        model_context(citations, name, space, configurations[configurations["model"] == name], manifest, rank_by, top)
        for name, space in grid.models.items()
    ]
    ranking_code = "scripts/sweep/analysis/ranking.py"
    values = {
        "partial": partial_context(citations, grid.partial),
        "author": author,
        "data": data_context(citations, manifest),
        "seeds": [citations.setting(seed, f"seeds.{position}") for position, seed in enumerate(grid.seeds)],
        "several_seeds": len(grid.seeds) > 1,
        "rank_by": rank_by,
        "metric_labels": METRIC_LABELS,
        "effect_names": EFFECT_NAMES,
        "models": models,
        "any_diverged": any(model["diverged"] for model in models),
        "comparison": comparison_context(citations, models, manifest.sizes["validation"]),
        "noise": {
            "factor": citations.setting(NOISE_FACTOR, "NOISE_FACTOR", ranking_code),
            "draws": citations.setting(BOOTSTRAP_DRAWS, "BOOTSTRAP_DRAWS", ranking_code),
        },
        "studies": [study_context(study) for study in studies],
        "claims": claims_context(citations, *judge(writeup, grid, manifest, citations.runs)),
    }
    # All configurations that the report names are known by now.
    values["appendix"] = appendix_context(citations, grid, manifest, rank_by, top)
    return values


def partial_context(citations: Citations, partial: Partial | None) -> dict[str, Any] | None:
    """What a preview's report says at its top; None for a finished sweep."""
    if partial is None:
        return None
    found: dict[str, list[str]] = {}
    for entry in partial.stale:
        found.setdefault(", ".join(entry["differs"]), []).append(entry["run"])
    stale = {citations.setting(differs, "partial.stale"): runs for differs, runs in found.items()}
    stale_file = cite_file("grid.json", "partial.stale")
    counts = {"runs": partial.runs, "missing": partial.missing, "damaged": len(partial.damaged)}
    return {
        "kind": "mixed" if partial.stale else "partial" if partial.incomplete else "complete",
        "shown": {name: citations.setting(count, f"partial.{name}") for name, count in counts.items()},
        # Paths of runs, by what differs in them.
        "stale": {differs: runs[:LISTED] for differs, runs in stale.items()},
        "stale_unlisted": {differs: citations.rest(runs, stale_file) for differs, runs in stale.items()},
        "damaged": partial.damaged[:LISTED],
        "damaged_unlisted": citations.rest(partial.damaged, cite_file("grid.json", "partial.damaged")),
        "left_out": [label(model) for model in partial.left_out],
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
    space: Space,
    configurations: pd.DataFrame,
    manifest: "Manifest",
    rank_by: str,
    top: int,
) -> dict[str, Any]:
    """A model's section: its search space, its ranking, its best values over all configurations, and how sure it is.

    Configurations with a run that diverged are not ranked; their diverged runs are listed in "diverged".
    """
    runs = citations.runs[citations.runs["model"] == name]
    diverged = runs["status"] == "diverged"
    ranking = rank(runs, rank_by, manifest.sizes["validation"])
    rows = rows_of(configurations[configurations["diverged"] == 0].sort_values("rank"))

    def show(row: Mapping[str, Any]) -> dict[str, Any]:
        return configuration_row(citations, row, rank_by, ranking)

    sure = None
    if ranking:
        by_name = {row["name"]: row for row in rows}
        listed = [show(by_name[candidate]) for candidate in ranking.candidates[:LISTED]]
        sure = sure_context(citations, ranking, listed, [cite_runs(f"{name}/*", f"last.{rank_by}")])
    return {
        "name": name,
        "label": label(name),
        "space": {key: citations.setting(value, f"models.{name}.{key}") for key, value in asdict(space).items()},
        "runs": citations.count(len(runs), cite_runs(f"{name}/*")),
        "drawn": citations.cite(str(min(top, len(configurations))), "drawn", [cite_runs(f"{name}/*")]),
        "ranking": [show(row) for row in rows[:top]],
        "highest_val_acc": show(max(rows, key=lambda row: row["last_val_acc"])) if rows else None,
        "lowest_val_loss": show(min(rows, key=lambda row: row["last_val_loss"])) if rows else None,
        # None if runs are missing.
        "sure": sure,
        "diverged_runs": citations.count(diverged.sum(), cite_runs(f"{name}/*", "status", equals="diverged")),
        "diverged": [diverged_row(citations, run) for run in rows_of(runs[diverged][:LISTED])],
        "diverged_unlisted": citations.rest(runs[diverged], cite_runs(f"{name}/*", "status", equals="diverged")),
    }


def configuration_row(
    citations: Citations, row: Mapping[str, Any], rank_by: str, ranking: Ranking | None
) -> dict[str, Any]:
    """A row of the table of configurations, none of whose runs diverged, and what the report shows of it."""
    model, name = row["model"], row["name"]
    runs = rows_of(citations.runs_of(model, name))
    compared = [cite_runs(f"{model}/{name}/*", f"last.{rank_by}"), cite_runs(f"{model}/*", f"last.{rank_by}")]
    probability = MISSING
    if ranking and ranking.probabilities:
        probability = citations.cite(f"{ranking.probabilities[name]:.2f}", "bootstrap probability", compared)
    shown = {
        "rank": citations.cite(str(row["rank"]), "rank", compared),
        **{column: citations.value(runs[0], column) for column in ("batch_size", "learning_rate", "dropout_rate")},
        **{
            column: citations.mean(row[column], row[f"{column}_std"], [cite_record(run, column) for run in runs])
            for column in SHOWN_METRICS
        },
        "n": citations.count(len(runs), *(cite_record(run, "seed") for run in runs)),
        "probability": probability,
    }
    return {**row, **citations.name(model, name), "shown": shown}


def sure_context(
    citations: Citations, ranking: Ranking, listed: Sequence[Mapping[str, Any]], cited: Sequence[Citation]
) -> dict[str, Any]:
    """How sure a ranking is. `listed` has the rows of the candidates that are named."""
    return {
        "kind": "several_seeds" if ranking.probabilities else "one_seed",
        "alone": len(ranking.candidates) == 1,
        "candidates": listed,
        "shown": citations.cite(str(len(ranking.candidates)), "not told apart from the best", cited),
        "unlisted": citations.rest(ranking.candidates, *cited),
        "ranked": citations.cite(str(len(ranking.names)), "ranked", cited),
    }


def diverged_row(citations: Citations, run: Mapping[str, Any]) -> dict[str, Any]:
    shown = {column: citations.value(run, column) for column in ("seed", "diverged_epoch")}
    return {**citations.name(run["model"], run["name"]), **shown}


def comparison_context(citations: Citations, models: Sequence[Mapping[str, Any]], images: int) -> dict[str, Any] | None:
    """The models that have a ranking, compared by their best values; None if there are fewer than two.

    "kind" says what the comparison finds: the best values of a metric are "tied", the two metrics "disagree", or one
    model is "ahead" by both. `images` is the number of validation images.
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
        "expectation": EXPECTATIONS.get(by_accuracy[0]["name"]),
        **lead_context(citations, by_accuracy[:2], images),
    }


def lead_context(citations: Citations, models: Sequence[Mapping[str, Any]], images: int) -> dict[str, Any]:
    """Whether the first model's highest val_acc is ahead of the second's by more than noise: "lead" is "clear" or
    "unclear", or None if that is not known."""
    first, second = (best_configuration(citations, model, images) for model in models)
    if len(first.runs) != len(second.runs):
        return {"lead": None}
    difference, noise = subtract(first, second, "val_acc")
    if noise is None:
        return {"lead": None}
    cited = [citation for measure in (first, second) for citation in cite_measure(measure, "val_acc")]
    lead = "clear" if difference > NOISE_FACTOR * noise else "unclear"
    return {"lead": lead, "lead_noise": citations.noise(noise, cited)}


def best_configuration(citations: Citations, model: Mapping[str, Any], images: int) -> Measure:
    """A model's highest val_acc: the mean over the seeds of one configuration."""
    best = model["highest_val_acc"]
    runs = citations.runs_of(model["name"], best["name"]).sort_values("seed")
    value = float(best["last_val_acc"])
    return Measure(value, binomial_error(value, images) if len(runs) == 1 else None, runs)


def study_context(study: Grid) -> dict[str, Any]:
    """A study, with the configuration of each of its models; the models' variants are left out."""
    models = [(name, space) for name, space in study.models.items() if variant_of(study.study, name) in study.models]
    return {
        "name": study.study,
        "models": [
            {
                "label": label(name),
                "batch_size": space.batch_sizes[0],
                "learning_rate": space.learning_rates[0],
                "dropout_rate": space.dropout_rates[0],
            }
            for name, space in models
        ],
    }
