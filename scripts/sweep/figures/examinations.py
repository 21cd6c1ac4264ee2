"""Figures of the examinations: which classes a model takes for which, its mistakes, and moved pictures."""

import base64
import io
from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from PIL import Image

from sweep.analysis.examined import Answered, Examination
from sweep.figures.style import COLOURS, MOST_SHAPES, add_legend, line_style, open_axes, sentence_figure
from sweep.metrics import label

REASONS = {
    "diverged": "each of its configurations has a run that diverged",
    "no_weights": "the weights of its best run were not kept",
}
# The characters of a class's name beside a matrix and below a picture.
TICK_CHARACTERS, PICTURE_CHARACTERS = 20, 16
# The width of a confusion matrix and its greatest height in inches; of a row, the least and the greatest.
MATRIX_WIDTH, MATRIX_HEIGHT = 3.9, 8.5
LEAST_ROW, GREATEST_ROW = 0.085, 0.39
# The smallest size of numbers in cells and of names at ticks, in points: what would have to be smaller is left out.
LEAST_NUMBER, LEAST_NAME = 5.5, 5.0
# The pictures beside each other.
ACROSS = 5


def draw_confusion(examined: Examination) -> Figure:
    """How many test pictures of each class (rows) were given each class (columns), coloured by the share of the row;
    and beside it each class's accuracy with its interval, around a line at that of all pictures.

    Of many classes, the cells have no numbers, and only every second, third, … has its name. A class without pictures
    has a blank row.
    """
    answered = examined.answered
    if answered is None:
        return sentence_figure(why_not(examined))
    names = [class_name(examined.class_names, each, TICK_CHARACTERS) for each in range(len(examined.class_names))]
    height = min(MATRIX_HEIGHT, len(names) * min(GREATEST_ROW, max(LEAST_ROW, MATRIX_WIDTH / len(names))))
    figure = Figure(figsize=(6.8, height + 1.5), layout="constrained")
    matrix, accuracies = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    draw_cells(matrix, np.array(answered.confusion), height)
    for axis, room in ((matrix.xaxis, MATRIX_WIDTH), (matrix.yaxis, height)):
        step = ceil(len(names) * LEAST_NAME / (room * 72))
        size = min(8.3, room * 72 / len(names) * step)
        axis.set_ticks(range(0, len(names), step), names[::step], fontsize=size)
    if len(names) * max(map(len, names)) > 40:
        matrix.tick_params(axis="x", rotation=90)
    matrix.set_xlabel("Given class")
    matrix.set_ylabel("Right class")
    draw_accuracies(accuracies, answered)
    return figure


def draw_cells(axes: Axes, counts: np.ndarray, height: float) -> None:
    """Fill the panel, of this height in inches, with the counts of the confusion matrix, and add the bar of colours."""
    # Few are in the cells beside the diagonal, but these are what one looks for: the root of the share makes them seen.
    scale = ScalarMappable(PowerNorm(0.5, 0, 1), "Blues")
    images = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(images, images, 1)
    edges = np.arange(len(counts) + 1) - 0.5
    axes.pcolormesh(edges, edges, scale.to_rgba(shares), rasterized=counts.size > MOST_SHAPES)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set(color="#cccccc", linewidth=0.8)
    room = min(MATRIX_WIDTH * 72 / len(counts) / (0.68 * len(str(counts.max()))), height * 72 / len(counts) / 1.4)
    if room >= LEAST_NUMBER:
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.3 else "black" if counts[row, column] else "#aaaaaa"
            position: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": min(8.3, room)}
            axes.text(column, row, str(counts[row, column]), color=colour, **position)
    bar = axes.figure.colorbar(scale, ax=axes, location="top", aspect=40, pad=0.02)
    bar.set_label("Share of the right class's pictures", fontsize="small")
    bar.set_ticks([0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.ax.xaxis.set_major_formatter(percent)
    bar.ax.tick_params(labelsize="small")


def draw_accuracies(axes: Axes, answered: Answered) -> None:
    """Fill the panel with a point and an interval a class, and a line for all of them."""
    rows = [(place, each) for place, each in enumerate(answered.classes) if each]
    places = [place for place, _ in rows]
    axes.hlines(
        places, [each.low for _, each in rows], [each.high for _, each in rows], color=COLOURS[0], linewidth=1.2
    )
    axes.plot([each.accuracy for _, each in rows], places, linestyle="", marker="o", markersize=3, color=COLOURS[0])
    axes.axvline(answered.accuracy, color="grey", linewidth=1, linestyle="dashed")
    axes.xaxis.set_major_formatter(percent)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.tick_params(axis="x", labelsize="small")
    axes.set_xlabel("Accuracy,\n95% interval")
    open_axes(axes)


def draw_mistakes(examined: Examination) -> Figure:
    """The pictures that the model gave a wrong class with the greatest probability, with the right class, the given
    one and that probability."""
    answered = examined.answered
    if answered is None:
        return sentence_figure(why_not(examined))
    mistakes = answered.mistakes
    if answered.accuracy == 1:
        return sentence_figure(f"{label(examined.model)} has all {answered.images} test pictures right.")
    if not mistakes:
        return sentence_figure(f"{label(examined.model)} has mistakes, but their probabilities are no numbers.")
    down = ceil(len(mistakes) / ACROSS)
    figure = Figure(figsize=(6.8, 0.4 + 1.6 * down), layout="constrained")
    panels = list(figure.subplots(down, ACROSS, squeeze=False).flat)
    for axes in panels:
        axes.set_axis_off()
    for axes, mistake in zip(panels, mistakes, strict=False):
        with Image.open(io.BytesIO(base64.b64decode(mistake.png))) as image:
            # Without interpolation an SVG holds the pixels themselves.
            axes.imshow(np.asarray(image.convert("RGB")), interpolation="none")
        right, given = (
            class_name(examined.class_names, each, PICTURE_CHARACTERS) for each in (mistake.right, mistake.given)
        )
        axes.set_title(f"{right}\n→ {given}, {mistake.probability:.1%}", fontsize="x-small", pad=3)
    figure.suptitle("Right class → given class and its probability", fontsize="small")
    return figure


def draw_shift(examined: Sequence[Examination]) -> Figure:
    """The test accuracy of each model against the distance in pixels by which the pictures are moved: a line for the
    mean over the directions, in a band from the lowest to the highest one. Models whose shift is unknown are left out.
    """
    shown = [(each.model, each.shift.accuracies) for each in examined if each.shift]
    if not shown:
        return sentence_figure(*map(why_not, examined))
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axes = figure.subplots()
    entries: dict[str, Any] = {}
    for position, (model, accuracies) in enumerate(shown):
        distances = range(len(accuracies))
        means = [np.mean(each) for each in accuracies]
        look = line_style(position)
        (entries[label(model)],) = axes.plot(distances, means, **look, linewidth=2.2, marker="o", markersize=6)
        edges = [min(each) for each in accuracies], [max(each) for each in accuracies]
        axes.fill_between(distances, *edges, color=look["color"], alpha=0.2, linewidth=0)
    axes.set_xticks(distances)
    axes.set_xlabel("Pixels by which the test pictures are moved")
    axes.set_ylabel("Test accuracy")
    axes.yaxis.set_major_formatter(percent)
    open_axes(axes)
    add_legend(figure, entries, "line: mean over the 8 directions; band: from the lowest to the highest")
    return figure


def why_not(examined: Examination) -> str:
    """The sentence of a figure of a model of which too little is known."""
    return f"{label(examined.model)} was not examined: {REASONS[examined.unavailable]}."


def percent(share: float, _: float) -> str:
    """A tick's name: "97.5%", or nothing beside the shares that there can be, where an axis has room for its points."""
    return f"{100 * share:g}%" if 0 <= round(share, 9) <= 1 else ""


def class_name(names: Sequence[str], number: int, characters: int) -> str:
    """A class's name in this width, without what is in the middle of a long one; "class 7" for one that the font cannot
    draw."""
    name = names[number]
    font = get_font(findfont("DejaVu Sans"))
    if not name.isprintable() or not all(font.get_char_index(ord(each)) for each in name):
        return f"class {number}"
    half = characters // 2
    return name if len(name) <= characters else f"{name[:half]}…{name[half + 1 - characters :]}"
