"""The report's table of the write-up's claims: see `sweep.analysis.claims`."""

from collections.abc import Iterable, Mapping
from typing import Any

from sweep.analysis.claims import EXAMINED, OWN_SEEDS, SPACE, Judgement, Measure, Obstacle
from sweep.analysis.examined import LOST_DISTANCE, Examination
from sweep.grid import Grid
from sweep.metrics import label
from sweep.report.citations import (
    Citation,
    Citations,
    cite_examination,
    cite_file,
    cite_record,
    cite_runs,
    rounded,
    rows_of,
)

# Where the numbers of the rules are, as citations name it.
RULES = "scripts/sweep/analysis/{}.py"
# The word that the verdict column shows for an obstacle, where it is not the obstacle's own kind.
OBSTACLE_WORDS = {"source": "data", "sizes": "data", "all_stopped": "stopped"}
OBSTACLE_WORDS |= dict.fromkeys((*SPACE, "configurations"), "grid")


def claims_context(
    citations: Citations,
    grid: Grid,
    judgements: list[Judgement],
    obstacles: list[Obstacle],
    restricted: dict[str, int],
    examinations: Mapping[str, Examination],
) -> dict[str, Any]:
    """What the template of the claims is given: the rows of the table, the models that were judged by the write-up's
    configurations alone, with the number of these, and the obstacles."""
    rows = [claim_row(citations, grid, position, judgement) for position, judgement in enumerate(judgements)]
    for row, judgement in zip(rows, judgements, strict=True):
        model = judgement.claim["model"]
        for examined in judgement.examined:
            row["names"].append(citations.name(examined, str(examinations[examined].name)))
        row["among"] = cite_configurations(citations, restricted[model], model) if model in restricted else None
    return {
        "rows": rows,
        "lost_distance": citations.setting(LOST_DISTANCE, "LOST_DISTANCE", RULES.format("examined")),
        "pictures": next((row["pictures"] for row in rows if row["pictures"]), None),
        "restricted": [
            {"label": label(model), "configurations": cite_configurations(citations, number, model)}
            for model, number in restricted.items()
        ],
        "obstacles": [obstacle_row(citations, grid, obstacle) for obstacle in obstacles],
    }


def cite_configurations(citations: Citations, number: int, model: str) -> str:
    """The number of the write-up's configurations of a model."""
    return citations.cite(str(number), "configurations", [cite_file("writeup.yaml", f"sweep.models.{model}")])


def obstacle_row(citations: Citations, grid: Grid, obstacle: Obstacle) -> dict[str, Any]:
    """An obstacle, with the values of this sweep and of the write-up that differ; of a search space, with what is
    missing of the write-up's and with all of it."""
    ours, theirs = (
        ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for value in (obstacle.ours, obstacle.theirs)
    )
    kind, model, other = obstacle.kind, obstacle.model, obstacle.other
    row = {"kind": kind, "label": label(model or ""), "other": label(other or ""), "one_epoch": obstacle.ours == 1}
    if kind == "noise":
        ours = citations.count(obstacle.ours, cite_file(citations.grid_file, "seeds"))
        compared = cite_compared(grid, str(model), "*")
        return {**row, "ours": ours, "theirs": citations.cite(theirs, "seeds that would tell", compared)}
    if model and other:
        ours = citations.cite(ours, "pictures", cite_lost((model, other)))
        return {**row, "ours": ours, "theirs": citations.setting(theirs, "LEAST_PICTURES", RULES.format("claims"))}
    if kind == "stopped":
        return {**row, "ours": cite_stop(citations, model, theirs, obstacle.ours), "theirs": theirs}
    if kind == "all_stopped":
        cited = [cite_runs(f"{model}/*", "epochs"), cite_file("writeup.yaml", f"sweep.models.{model}")]
        return {**row, "ours": citations.cite(ours, "maximum", cited), "theirs": theirs}
    if kind == "configurations" or kind in SPACE:
        compared = [cite_file("writeup.yaml", f"sweep.models.{model}"), cite_file("grid.json", f"models.{model}")]
        if kind in SPACE:
            written = citations.setting(theirs, f"sweep.models.{model}.{kind}", "writeup.yaml")
        else:
            written = cite_configurations(citations, obstacle.theirs, str(model))
        return {**row, "ours": citations.cite(ours, "missing", compared), "theirs": written}
    if model:
        file, entry, section = "grid.json", f"models.{model}.{kind}", "sweep"
    else:
        file, entry, section = "manifest.json", kind, "sweep.data"
    return {
        **row,
        "ours": citations.setting(ours, entry, file),
        "theirs": citations.setting(theirs, f"{section}.{entry}", "writeup.yaml"),
    }


def cite_compared(grid: Grid, model: str, *patterns: str, metric: str = "val_loss") -> list[Citation]:
    """A metric of a model's runs, below its folder, that are compared with each other: of a halved model those that
    were not stopped, and of all of them those of the write-up's configurations."""
    rung = {"epochs": grid.models[model].epochs} if grid.models[model].halving else {}
    values = [cite_runs(f"{model}/{pattern}", f"last.{metric}", **rung) for pattern in patterns]
    return [*values, cite_file("writeup.yaml", f"sweep.models.{model}")]


def cite_stop(citations: Citations, model: str | None, name: str, epochs: int) -> str:
    """The number of epochs after which a halved search stopped a configuration."""
    return citations.cite(str(epochs), "maximum", [cite_runs(f"{model}/{name}/*", "epochs")])


def claim_row(citations: Citations, grid: Grid, position: int, judgement: Judgement) -> dict[str, Any]:
    """A claim's row of the table. Cells that may have several parts, one a metric or a configuration, are lists."""
    claim = judgement.claim
    written = cite_file("writeup.yaml", f"claims.{position}.value")
    on_metric = claim["kind"] in ("val_acc", "val_loss")
    row: dict[str, Any] = {
        "kind": claim["kind"],
        "label": label(claim["model"]),
        "other": label(claim.get("other", "")),
        "section": claim["section"],
        # The models that the claim is on whose search was halved.
        "halved": [
            label(model)
            for model in (claim["model"], claim.get("other"))
            if model in grid.models and grid.models[model].halving
        ],
        "verdict": judgement.verdict,
        "reasons": list(dict.fromkeys(OBSTACLE_WORDS.get(found.kind, found.kind) for found in judgement.obstacles)),
        # The write-up's number, or its best configuration; None for a claim without a value.
        "theirs": citations.cite(claim["value"], "setting", [written]) if on_metric else claim.get("value"),
        "ours": [],
        "names": [],
        "differences": [],
        "noises": [],
        "rank": None,
        # Of claims on the best configuration how many others would have been consistent; None if no other would.
        "others": None,
        # The epochs after which a halved search stopped the write-up's best configuration.
        "stopped": None,
        "one_epoch": judgement.stopped == 1,
        "equivalent": judgement.equivalent,
        # Of claims on shifts the number of pictures that are compared.
        "pictures": None,
    }
    if judgement.examined:
        return {**row, **examined_cells(citations, judgement)}
    if judgement.ours:
        row["names"] = [citations.name(claim["model"], judgement.ours)]
    if judgement.candidates and judgement.candidates > 1:
        every = cite_compared(grid, claim["model"], "*")
        row["others"] = citations.cite(str(judgement.candidates - 1), "others not told apart", every)
    if judgement.rank:
        compared = cite_compared(grid, claim["model"], f"{claim['value']}/*", "*")
        row["rank"] = citations.cite(str(judgement.rank), "rank", compared)
    if judgement.stopped:
        row["stopped"] = cite_stop(citations, claim["model"], claim["value"], judgement.stopped)
    for (metric, model), measure in judgement.measures.items():
        if on_metric:
            how = "mean" if len(measure.runs) > 1 else "value"
            row["ours"].append(citations.cite(f"{measure.figure.value:.4f}", how, cite_measure(measure, metric)))
        for name in measure.runs["name"].unique():
            if (named := citations.name(model, name)) not in row["names"]:
                row["names"].append(named)
    for metric, difference in judgement.differences.items():
        measures = {model: measure for (measured, model), measure in judgement.measures.items() if measured == metric}
        cited = [citation for measure in measures.values() for citation in cite_measure(measure, metric)]
        compared = [*cited, written] if on_metric else cited
        # The noise is that of all the model's runs, but where the seeds' own bests tell it.
        pooled = not on_metric or len(cited) < OWN_SEEDS
        every = [each for model in measures if pooled for each in cite_compared(grid, model, "*", metric=metric)]
        least = rounded(difference.least, difference.least)
        row["differences"].append(
            citations.cite(rounded(difference.value, difference.least, "+"), "difference", compared)
        )
        row["noises"].append(citations.cite(f"±{least}", "half of the 95 % interval", [*compared, *every]))
    return row


def cite_measure(measure: Measure, metric: str) -> list[Citation]:
    """The entries of the records that a measure comes from."""
    return [cite_record(run, f"last_{metric}") for run in rows_of(measure.runs)]


def examined_cells(citations: Citations, judgement: Judgement) -> dict[str, Any]:
    """The cells of a claim that compares the examinations of two models."""
    compared, _ = EXAMINED[judgement.claim["kind"]]
    models = list(judgement.examined)
    difference = judgement.differences[compared]
    if judgement.pictures is None:
        cited = {model: [cite_examination(model, f"size.{compared}")] for model in models}
        both = [citation for model in models for citation in cited[model]]
        ours = [citations.cite(f"{value:,}", "value", cited[model]) for model, value in judgement.examined.items()]
        return {"ours": ours, "differences": [citations.cite(f"{difference.value:+,}", "difference", both)]}
    # The share of a model is over the pictures that both have right.
    ours = [
        citations.cite(f"{share:.4f}", "share lost", cite_lost(dict.fromkeys((model, *models))))
        for model, share in judgement.examined.items()
    ]
    both = cite_lost(models)
    value, least = rounded(difference.value, difference.least, "+"), rounded(difference.least, difference.least)
    return {
        "ours": ours,
        "differences": [citations.cite(value, "difference of shares lost", both)],
        "noises": [citations.cite(f"±{least}", "half of the 95 % interval", both)],
        "pictures": citations.cite(str(judgement.pictures), "pictures", both),
    }


def cite_lost(models: Iterable[str]) -> list[Citation]:
    """What models lose of each picture by moving it."""
    return [cite_examination(model, "shift.lost") for model in models]
