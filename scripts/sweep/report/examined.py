"""What the report shows of the best run of each model: see `sweep.analysis.examined`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from sweep.analysis.examined import Answered, Examination, Modes, Shift
from sweep.grid import Grid
from sweep.metrics import label
from sweep.report.citations import LISTED, MISSING, Citation, Citations, cite_examination, rows_of, run_path

# So many pairs of classes are told of those that are most often taken for each other.
MOST_CONFUSIONS = 3


@dataclass(frozen=True)
class Examined:
    """A model's examination, whose entries are shown with their origin."""

    citations: Citations
    examination: Examination

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the file holds."""
        return asdict(self.examination)

    def cite(self, entry: str) -> Citation:
        return cite_examination(self.examination.model, entry)

    def value(self, entry: str, form: str = "") -> str:
        """The value at a path such as "answered.classes.3.low", in a format such as ".4f"; MISSING if it is None."""
        value: Any = self.content
        for key in entry.split("."):
            value = value[int(key) if isinstance(value, list) else key]
        if value is None:
            return MISSING
        return self.citations.cite(f"{value:{form}}", "value", [self.cite(entry)])


def examined_context(
    citations: Citations, grid: Grid, examinations: Mapping[str, Examination]
) -> dict[str, Any] | None:
    """What the report says of the best runs, in the order of the grid's models; None if none was examined.

    "modes" has the models whose weights are there, for the table of `self.training`, and "shift" what the table of
    moved pictures shows, or None.
    """
    found = [Examined(citations, examinations[model]) for model in grid.models if model in examinations]
    if not found:
        return None
    models = [{**model_context(each), "halved": bool(grid.models[each.examination.model].halving)} for each in found]
    return {
        "models": models,
        "modes": [model for model in models if model["modes"]],
        "shift": shift_context([(each, each.examination.shift) for each in found if each.examination.shift]),
    }


def model_context(examined: Examined) -> dict[str, Any]:
    """A model's best run; one that diverged in every configuration has no parts, and one without weights only its
    size."""
    citations, examination = examined.citations, examined.examination
    context: dict[str, Any] = {
        "label": label(examination.model),
        "unavailable": examination.unavailable,
        "modes": None,
        "answered": None,
    }
    if examination.run is None:
        return context
    runs = citations.runs_of(examination.model, str(examination.name))
    (run,) = [row for row in rows_of(runs) if run_path(row) == examination.run]
    context |= {
        "path": examination.run,
        "configuration": citations.name(run["model"], run["name"]),
        "alone": len(runs) == 1,
        "best_epoch": citations.value(run, "best_epoch"),
        "test_acc": citations.value(run, "best_test_acc", ".4f"),
        "parameters": examined.value("size.parameters", ","),
        "multiply_adds": examined.value("size.multiply_adds", ","),
    }
    if examination.modes:
        context["modes"] = modes_context(examined, examination.modes)
    if examination.answered:
        context["answered"] = answered_context(examined, examination.answered)
    return context


def modes_context(examined: Examined, modes: Modes) -> dict[str, Any]:
    """The rows of the table of modes, and the differences of their accuracies from that in evaluation mode, by kind.

    "rest" is what all parts do together on top of what batch normalisation and dropout do by themselves, or None if the
    model has not both.
    """
    rows = modes.rows
    places: dict[str, int] = {row.kind: place for place, row in enumerate(rows)}
    cited = {kind: examined.cite(f"modes.rows.{place}.accuracy") for kind, place in places.items()}
    gains: dict[str, float] = {
        row.kind: row.accuracy - rows[places["evaluation"]].accuracy for row in rows if row.kind != "evaluation"
    }
    differences: dict[str, str] = {
        kind: examined.citations.cite(f"{gain:+.4f}", "difference", [cited[kind], cited["evaluation"]])
        for kind, gain in gains.items()
    }
    rest = None
    if "dropout" in gains and "batch_norm" in gains:
        order = [cited[kind] for kind in ("training", "batch_norm", "dropout", "evaluation")]
        left = gains["training"] - gains["batch_norm"] - gains["dropout"]
        rest = examined.citations.cite(f"{left:+.4f}", "difference of differences", order)
    return {
        "rows": [
            {
                "kind": row.kind,
                "accuracy": examined.value(f"modes.rows.{place}.accuracy", ".4f"),
                "loss": examined.value(f"modes.rows.{place}.loss", ".4f"),
                "difference": differences.get(row.kind, MISSING),
            }
            for place, row in enumerate(rows)
        ],
        "parts": modes.parts,
        "several": modes.passes > 1,
        "differences": differences,
        "rest": rest,
        **{name: examined.value(f"modes.{name}") for name in ("images", "batch_size", "passes")},
    }


def answered_context(examined: Examined, answered: Answered) -> dict[str, Any]:
    """The answers to the test set: a row for each class, and which classes are most often taken for which."""
    classes = examined.cite("answered.classes")
    return {
        "images": examined.value("answered.images"),
        "classes": [class_row(examined, k) for k in range(len(answered.classes))][:LISTED],
        "unlisted": examined.citations.rest(answered.classes, classes),
        **confusions_context(examined, answered.confusion),
    }


def class_row(examined: Examined, k: int) -> dict[str, Any]:
    """The accuracy of the class k, and its interval; one without pictures has none."""
    forms = {"images": "", "right": "", "accuracy": ".4f", "low": ".4f", "high": ".4f"}
    known = examined.content["answered"]["classes"][k] is not None
    shown = {
        name: examined.value(f"answered.classes.{k}.{name}", form) if known else MISSING for name, form in forms.items()
    }
    return {"name": examined.examination.class_names[k], "known": known, **shown}


def confusions_context(examined: Examined, confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The MOST_CONFUSIONS pairs of classes that are most often taken for each other, and how many further pairs are it
    as often as the last of these."""
    names = examined.examination.class_names
    pairs = [(count, k, given) for k, row in enumerate(confusion) for given, count in enumerate(row) if k != given]
    ordered = sorted((pair for pair in pairs if pair[0]), key=lambda pair: -pair[0])
    shown, further = ordered[:MOST_CONFUSIONS], ordered[MOST_CONFUSIONS:]
    as_often = sum(pair[0] == shown[-1][0] for pair in further)
    return {
        "confusions": [
            {
                "right": names[k],
                "given": names[given],
                "count": examined.value(f"answered.confusion.{k}.{given}"),
                "images": examined.value(f"answered.classes.{k}.images"),
            }
            for _, k, given in shown
        ],
        "as_often": as_often
        and examined.citations.cite(str(as_often), "as often as the last", [examined.cite("answered.confusion")]),
    }


def shift_context(shifts: Sequence[tuple[Examined, Shift]]) -> dict[str, Any] | None:
    """The accuracies of the models with the pictures moved: a row for each distance, with the mean over the directions
    of each model, and what each has lost at the largest distance; None without a model."""
    if not shifts:
        return None
    rows = []
    for distance in range(len(shifts[0][1].accuracies)):
        cited = [examined.cite(f"shift.accuracies.{distance}") for examined, _ in shifts]
        means = [fmean(shift.accuracies[distance]) for _, shift in shifts]
        rows.append(
            {
                "distance": shifts[0][0].citations.cite(str(distance), "distance", cited),
                "accuracies": [
                    examined.citations.cite(f"{mean:.4f}", "mean", [source])
                    for (examined, _), mean, source in zip(shifts, means, cited, strict=True)
                ],
            }
        )
    return {
        "labels": [label(examined.examination.model) for examined, _ in shifts],
        "rows": rows,
        "falls": [
            {"label": label(examined.examination.model), "fall": fall(examined, shift)} for examined, shift in shifts
        ],
    }


def fall(examined: Examined, shift: Shift) -> str:
    """The accuracy with the pictures moved as far as they were, minus that unmoved."""
    last = len(shift.accuracies) - 1
    cited = [examined.cite(f"shift.accuracies.{distance}") for distance in (last, 0)]
    difference = fmean(shift.accuracies[last]) - fmean(shift.accuracies[0])
    return examined.citations.cite(f"{difference:+.4f}", "difference", cited)
