"""What the report shows of how the best run of a model compares with the next ones, picture by picture."""

import math
from typing import Any

from sweep.analysis.comparisons import LEVEL
from sweep.analysis.examined import Comparison, Examination, Paired
from sweep.report.citations import Citations
from sweep.report.examined import Examined

# What chance does less often than this is only said to be that rare.
LEAST_CHANCE = 0.0001


def nearest_context(citations: Citations, examination: Examination | None, images: int) -> dict[str, Any]:
    """The comparison of the best run with the nearest one in full, and of all how many are told apart.

    "first" is None if there is no comparison, and "reason" then says why: "unexamined", as in a preview; "no_weights",
    those of the best run were not kept; "one_image" is all that there is of the `images` that validate; "own", the best
    run's answers are missing or damaged; or "others", those of all that rank next are.
    """
    nearest = examination.nearest if examination else None
    if examination is None or nearest is None or not nearest.compared:
        if examination is None or examination.unavailable == "diverged":
            reason = "unexamined"
        elif examination.unavailable == "no_weights":
            reason = "no_weights"
        elif images == 1:
            reason = "one_image"
        else:
            reason = "own" if nearest is None else "others"
        return {"first": None, "reason": reason}
    examined, first = Examined(citations, examination), nearest.compared[0]
    return {
        "images": examined.value("nearest.images"),
        "best": citations.name(examination.model, str(examination.name)),
        "other": citations.name(examination.model, first.name),
        "first": {
            **{name: examined.value(f"nearest.compared.0.{name}") for name in ("gained", "lost")},
            "accuracy": difference(examined, first, "accuracy"),
            "loss": difference(examined, first, "loss"),
        },
        "several": len(nearest.compared) > 1,
        "compared": citations.cite(str(len(nearest.compared)), "length", [examined.cite("nearest.compared")]),
        "told": {metric: count_told(examined, nearest.compared, metric) for metric in ("accuracy", "loss")},
        "left_out": examined.value("nearest.left_out") if nearest.left_out else None,
    }


def difference(examined: Examined, first: Comparison, metric: str) -> dict[str, Any] | None:
    """The difference from the nearest run in accuracy or loss; None if it is not known."""
    pair: Paired | None = getattr(first, metric)
    if pair is None:
        return None
    entry = f"nearest.compared.0.{metric}"
    size = examined.citations.cite(f"{abs(pair.difference):.4f}", "size", [examined.cite(f"{entry}.difference")])
    chance = None
    if pair.p >= LEAST_CHANCE:
        # With two digits: more would be no news of a probability.
        percent = f"{float(f'{100 * pair.p:.2g}'):g}"
        chance = examined.citations.cite(percent, "percent", [examined.cite(f"{entry}.p")])
    # Whose value is the lower one; None if the two are equal.
    lower = examined.examination.name if pair.difference < 0 else first.name if pair.difference > 0 else None
    return {"size": size, "error": examined.value(f"{entry}.error", ".4f"), "lower": lower, "chance": chance}


def count_told(examined: Examined, compared: list[Comparison], metric: str) -> str | None:
    """How many runs are told apart from the best one in accuracy or loss, None if no such difference is known.

    By Bonferroni's inequality, at LEVEL for all pairs of these runs together and not for the pairs with the best one
    alone, since the best one was chosen by the same images.
    """
    pairs: dict[int, Paired] = {
        place: pair for place, each in enumerate(compared) if (pair := getattr(each, metric)) is not None
    }
    if not pairs:
        return None
    told = sum(pair.p < LEVEL / math.comb(len(pairs) + 1, 2) for pair in pairs.values())
    every = [examined.cite(f"nearest.compared.{place}.{metric}.p") for place in pairs]
    return examined.citations.cite(str(told), "told apart by Bonferroni", every)
