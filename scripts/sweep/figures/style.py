"""The look that all figures share: colours, line styles, axes, the legend, and how a figure is saved."""

import re
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from sweep.files import replacing

# Okabe and Ito's colours for every kind of colour vision, without yellow (too pale in print) and black.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
LINE_STYLES = ["solid", "dashed", "dotted", "dashdot"]
# The characters that fit into a row of the legend. Each column takes those of its longest name, and COLUMN_EXTRA more
# for its line and the gaps.
LEGEND_WIDTH, COLUMN_EXTRA = 84, 5
# A figure has room for so many rows of a legend, and grows by ROW_HEIGHT inches for each one more.
ROOM_FOR_ROWS, ROW_HEIGHT = 4, 0.2
# The characters of a sentence that fit into the width of a figure.
SENTENCE_WIDTH = 78
# More points or cells than these are one image in an SVG, which would take seconds and megabytes to write otherwise.
MOST_SHAPES = 1000


def line_style(position: int, colours: int = len(COLOURS)) -> dict[str, Any]:
    """Colour and line style of the curve at this position, as keywords of `Axes.plot`.

    The line style changes each time that so many `colours` are used up, so that the first 24 curves differ even in
    grey.
    """
    turn, place = divmod(position, colours)
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": LINE_STYLES[turn % len(LINE_STYLES)]}


def open_axes(axes: Axes) -> None:
    """Give a panel of curves a pale grid, and no border at its top and right."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def add_legend(figure: Figure, entries: Mapping[str, Any], title: str = "") -> None:
    """Put a legend of these entries above the panels. Many make the figure taller, and long ones have several lines."""
    names = [fold(name, LEGEND_WIDTH - COLUMN_EXTRA) for name in entries]
    widest = max(len(line) for name in names for line in name.split("\n"))
    columns = max(1, min(5, LEGEND_WIDTH // (widest + COLUMN_EXTRA)))
    figure.legend(
        list(entries.values()),
        names,
        loc="outside upper center",
        title=title or None,
        ncols=columns,
        frameon=False,
        labelcolor="linecolor",
        fontsize="small",
        title_fontsize="small",
    )
    lines = ceil(sum(name.count("\n") + 1 for name in names) / columns)
    figure.set_figheight(figure.get_figheight() + ROW_HEIGHT * max(0, lines - ROOM_FOR_ROWS))


def sentence_figure(*sentences: str) -> Figure:
    """A figure that says in a sentence or more, each on a line of its own, why there is nothing to draw."""
    figure = Figure(figsize=(6.8, 1.6), layout="constrained")
    figure.text(0.5, 0.5, "\n".join(fill(sentence, SENTENCE_WIDTH) for sentence in sentences), ha="center", va="center")
    return figure


def fold(text: str, width: int) -> str:
    """Break a text after commas, semicolons and underscores into lines of at most `width` characters, if it can be."""
    lines = [""]
    for part in re.split(r"(?<=, )|(?<=; )|(?<=_)", text):
        if lines[-1] and len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure atomically, as SVG or PNG by the file's suffix.

    An SVG keeps its text as text. No file holds a date or a random id, so the same tables give the same bytes.
    The canvases write it themselves, since `savefig` would draw it once more, and it is laid out for its first file.
    """
    figure.set_dpi(200)
    with replacing(file) as temporary, rc_context({"svg.fonttype": "none", "svg.hashsalt": "sweep"}):
        if file.suffix == ".svg":
            FigureCanvasSVG(figure).print_svg(temporary, metadata={"Date": None})  # type: ignore[no-untyped-call]
        else:
            FigureCanvasAgg(figure).print_png(temporary)  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")
