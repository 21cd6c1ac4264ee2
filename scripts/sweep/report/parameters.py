"""What the report shows of the hyper-parameters: a model's search space, a configuration's values, and how much each
hyper-parameter matters."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sweep.analysis.importance import MOST_TERMS, UNEXPLAINED
from sweep.grid import MAIN, Space, value_name
from sweep.metrics import HALVING_FIGURE, HEATMAPS, METRIC_LABELS, figure_names
from sweep.report.citations import LISTED, MISSING, Citations, cite_file, cite_record, rows_of
from sweep.report.render import Marked, printable

# The lists of the search space, as the write-up names them.
LISTS = {"batch_sizes": "batch_sizes", "learning_rates": "learning_rates", "drop_rates": "dropout_rates"}
# How a share of the variance is made, by the method in the table of importance.
HOW = {"anova": "analysis of variance", "least_squares": "least squares"}


def space_context(citations: Citations, model: str, space: Space) -> dict[str, Any]:
    """A model's search space: the lines of its block of code, and what the text says of it."""
    cited = [cite_file(citations.grid_file, f"models.{model}")]
    combinations = math.prod(map(len, space.values.values()))
    return {
        "lines": space_lines(citations, model, space),
        "epochs": citations.setting(space.epochs, f"models.{model}.epochs"),
        "one_epoch": space.epochs == 1,
        "halved": bool(space.halving),
        "complete": space.complete,
        "sampled": bool(space.sample),
        "excluded": bool(space.exclude),
        "included": bool(space.include),
        "configurations": citations.cite(str(len(space.configurations)), "configurations", cited),
        "combinations": citations.cite(str(combinations), "combinations", cited),
        # The hyper-parameters behind the three in a configuration's name, and their defaults, which no name has.
        "further": [(name, shown_default(citations, model, name, space)) for name in further(space)],
    }


def further(space: Space) -> list[str]:
    """The hyper-parameters besides those of MAIN that are anywhere in the space not at their default."""
    return [name for name in space.values if name not in MAIN]


def space_lines(citations: Citations, model: str, space: Space) -> list[str]:
    """The search space as lines of Python, each value with its origin."""

    def line(name: str, value: object, entry: str) -> str:
        return Marked(f"{name} = {citations.setting(printable(str(value)), f'models.{model}.{entry}')}")

    if space.sample:
        # The range of a dimension stays as the config has it: {'from': 0.0001, 'to': 0.01, 'scale': 'log'}.
        order = [name for name in ("runs", "seed", *MAIN, *sorted(space.sample)) if name in space.sample]
        lines = [line(printable(name), space.sample[name], f"sample.{name}") for name in dict.fromkeys(order)]
    else:
        lines = [line(name, getattr(space, key), key) for name, key in LISTS.items()]
        lines += [line(printable(name), values, f"axes.{name}") for name, values in sorted(space.axes.items())]
    for key, entries in (("exclude", space.exclude), ("include", space.include)):
        if entries:
            shown = enumerate(entries[:LISTED])
            each = [citations.setting(printable(str(entry)), f"models.{model}.{key}.{place}") for place, entry in shown]
            rest = citations.rest(entries, cite_file(citations.grid_file, f"models.{model}.{key}"))
            lines += [f"{key} = [", *(Marked(f"    {entry},") for entry in each)]
            lines += [*([Marked(f"    # {rest} more")] if rest else []), "]"]
    return lines


def shown_default(citations: Citations, model: str, name: str, space: Space) -> str:
    return citations.setting(value_name(space.defaults[name]), f"models.{model}.defaults.{name}")


def shown_parameters(citations: Citations, run: Mapping[str, Any], space: Space) -> dict[str, str]:
    """The values of the space's hyper-parameters in a row of the table of runs. The record has none for one that is at
    its default: that comes from grid.json."""
    shown = {name: citations.value(run, name) for name in MAIN}
    for name in further(space):
        if run[name] == space.defaults[name]:
            shown[name] = shown_default(citations, run["model"], name, space)
        else:
            shown[name] = citations.cite(value_name(run[name]), "value", [cite_record(run, f"axes.{name}")])
    return shown


def effects_context(citations: Citations, model: str, space: Space, importance: pd.DataFrame) -> dict[str, Any]:
    """A model's figures of what its hyper-parameters do, and how much each of them matters."""
    panels = [name for name in space.varying if name not in ("learning_rate", "dropout_rate")]
    return {
        "figures": [name for name in figure_names(space) if name not in (*METRIC_LABELS, HALVING_FIGURE)],
        # Of a model that is halved, the epochs after which all configurations are compared here: the first rung.
        "first_rung": citations.setting(space.rungs[0], f"models.{model}.halving.epochs.0") if space.halving else None,
        "one_epoch": space.rungs[0] == 1,
        "by_batch_size": panels == ["batch_size"],
        "varies": bool(space.varying),
        "importance": importance_context(citations, importance[importance["model"] == model]),
    }


def importance_context(citations: Citations, table: pd.DataFrame) -> dict[str, Any] | None:
    """How much each hyper-parameter of a model matters; None if that is not known. `table` has the model's rows of the
    table of importance."""
    if table.empty:
        return None
    method = table["method"].iloc[0]
    shares = table.groupby("term", sort=False)["share"].max().sort_values(ascending=False, kind="stable")
    terms = [term for term in shares.index if term not in UNEXPLAINED]
    last = [term for term in shares.index if term in UNEXPLAINED]
    by_term = {(row["term"], row["metric"]): row for row in rows_of(table)}

    def cells(term: str) -> dict[str, dict[str, str]]:
        return {metric: shown_share(citations, by_term.get((term, metric))) for metric in HEATMAPS.values()}

    return {
        "method": method,
        "tested": bool(table["f"].notna().any()),
        "rows": [term_row(term, cells(term)) for term in (*terms[:MOST_TERMS], *last)],
        "rest": rest_row(citations, table, terms[MOST_TERMS:]) if len(terms) > MOST_TERMS else None,
        "pairs": any(":" in term for term in terms),
        "hidden": bool(table["share"].isna().any()),
    }


def term_row(term: str, cells: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A term's row: the hyper-parameters of a main effect or an interaction, or none and the term's own words."""
    named = " " not in term and term not in UNEXPLAINED
    return {"term": term, "parameters": term.split(":") if named else [], "cells": cells}


def shown_share(citations: Citations, row: Mapping[str, Any] | None) -> dict[str, str]:
    """A term's share of a metric's variance in percent, its F and its p; each may be missing."""
    shown = dict.fromkeys(("share", "f", "p"), MISSING)
    if row is None:
        return shown
    numbers = {"share": f"{100 * row['share']:.1f}", "f": f"{row['f']:.1f}", "p": f"{row['p']:.2g}"}
    for statistic, text in numbers.items():
        if not pd.isna(row[statistic]):
            cited = citations.match(f"{row['model']}/*", f"last.{row['metric']}", term=row["term"], statistic=statistic)
            shown[statistic] = citations.cite(text, HOW[row["method"]], [cited])
    return shown


def rest_row(citations: Citations, table: pd.DataFrame, terms: Sequence[str]) -> dict[str, Any]:
    """How many terms are not listed, and the sums of their shares, where shares can be added."""
    rest = table[table["term"].isin(terms)]
    model = table["model"].iloc[0]
    sums = {metric: dict.fromkeys(("share", "f", "p"), MISSING) for metric in HEATMAPS.values()}
    for metric, rows in rest[rest["method"] == "anova"].groupby("metric"):
        cited = citations.match(f"{model}/*", f"last.{metric}", term=", ".join(terms), statistic="share")
        sums[str(metric)]["share"] = citations.cite(f"{100 * rows['share'].sum():.1f}", HOW["anova"], [cited])
    return {"count": citations.cite(str(len(terms)), "not listed", [citations.match(f"{model}/*")]), "cells": sums}
