"""The figures of examinations: what they show of the answers, the mistakes and the moved pictures, and the program."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from examined_example import CLASS_NAMES, class_accuracy, examination
from figures.made_up import legend, ticks
from plot_examinations import plot_examinations
from sweep.analysis.examined import Examination, Shift
from sweep.figures.examinations import draw_confusion, draw_mistakes, draw_shift
from sweep.metrics import examination_figures

# What would be a wrong formula, a script and bytes (of a folder's name) that the font lacks, characters that do
# something, markup, and long names that begin alike.
STRANGE = {
    r"$\x$": r"$\x$",
    "猫": "class 1",
    "\udcff": "class 2",
    "a\x07\n": "class 3",
    "\u202ebaa": "class 4",
    "<b>&é": "<b>&é",
    "american_staffordshire_terrier": "american_s…e_terrier",
    "american_staffordshire_cat": "american_s…shire_cat",
}


def of_counts(confusion: list[list[int]], names: str = "xyz") -> Examination:
    """An examination with this confusion matrix."""
    examined = examination(class_names=list(names[: len(confusion)]), images=100)
    assert examined.answered
    classes = [class_accuracy(row[place], sum(row)) for place, row in enumerate(confusion)]
    accuracy = np.trace(confusion) / np.sum(confusion)
    return replace(
        examined, answered=replace(examined.answered, confusion=confusion, classes=classes, accuracy=accuracy)
    )


def numbers(figure: Figure) -> dict[tuple[int, int], str]:
    """What is written in the cells, by row and column."""
    places = {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}
    return {(round(row), round(column)): text for (row, column), text in places.items()}


def darkness(figure: Figure) -> Any:
    """How dark each cell of the confusion matrix is."""
    (cells,) = figure.axes[0].collections
    return 1 - cells.get_array()[..., :3].mean(axis=-1)


def sentence(figure: Figure) -> list[str]:
    """The sentences of a figure that has nothing else."""
    assert not figure.axes
    return [line for text in figure.texts for line in text.get_text().split("\n")]


def test_a_confusion_matrix_has_the_right_class_down_and_the_given_one_across() -> None:
    figure = draw_confusion(of_counts([[1, 3, 0], [0, 90, 30], [5, 0, 15]]))
    matrix, accuracies, _ = figure.axes
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("Given class", "Right class")
    assert ticks(matrix.xaxis) == ticks(matrix.yaxis) == ["x", "y", "z"]
    assert matrix.get_ylim()[0] > matrix.get_ylim()[1]
    assert numbers(figure)[0, 1] == "3"
    assert numbers(figure)[2, 0] == "5"
    assert len(numbers(figure)) == 9
    # The colour is the share of the row, whatever the counts are.
    dark = darkness(figure)
    np.testing.assert_array_equal(dark[0, 1], [dark[1, 1], dark[2, 2]])
    np.testing.assert_array_equal(dark[0, 0], [dark[1, 2], dark[2, 0]])
    assert dark[0, 2] < dark[0, 0] < dark[0, 1]
    (points, every) = accuracies.lines
    np.testing.assert_allclose(points.get_xdata(), [0.25, 0.75, 0.75])
    assert list(points.get_ydata()) == [0, 1, 2]
    np.testing.assert_allclose(every.get_xdata(), [106 / 144] * 2)


def test_each_class_has_its_interval_but_for_one_without_pictures() -> None:
    examined = of_counts([[4, 1, 0], [0, 0, 0], [0, 0, 7]])
    figure = draw_confusion(examined)
    assert examined.answered
    known = [(place, each) for place, each in enumerate(examined.answered.classes) if each]
    (intervals,) = figure.axes[1].collections
    np.testing.assert_allclose(
        intervals.get_segments(), [[(each.low, place), (each.high, place)] for place, each in known]
    )
    assert list(figure.axes[1].lines[0].get_ydata()) == [0, 2]
    assert np.ptp(darkness(figure)[1]) == 0
    assert darkness(figure)[1, 0] == darkness(figure)[0, 2]
    figure.draw_without_rendering()
    assert ticks(figure.axes[1].xaxis)[-1] == ""  # right of 100%


@pytest.mark.parametrize(("classes", "numbered", "across"), [(2, True, 2), (25, True, 25), (100, False, 50)])
def test_few_or_many_classes_are_readable(tmp_path: Path, classes: int, numbered: bool, across: int) -> None:
    """What is too small to be read is left out: numbers in cells, and every second name."""
    names = [f"thing {number}" for number in range(classes)]
    figure = draw_confusion(examination(class_names=names, images=1000))
    matrix = figure.axes[0]
    assert len(numbers(figure)) == (classes**2 if numbered else 0)
    assert ticks(matrix.yaxis) == names
    assert ticks(matrix.xaxis) == names[:: classes // across]
    assert min(text.get_fontsize() for text in [*matrix.get_yticklabels(), *matrix.texts]) >= 5
    figure.savefig(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size < 700_000


def test_names_of_classes_are_shown_as_they_are_or_by_their_number() -> None:
    examined = examination(class_names=list(STRANGE), images=100)
    figure = draw_confusion(examined)
    assert ticks(figure.axes[0].yaxis) == list(STRANGE.values())
    figure.draw_without_rendering()  # a wrong formula could not be drawn
    assert examined.answered
    shown = [axes.get_title().split("\n") for axes in draw_mistakes(examined).axes]
    for mistake, (right, given) in zip(examined.answered.mistakes, shown, strict=True):
        if mistake.right < 6 and mistake.given < 6:
            assert right == list(STRANGE.values())[mistake.right]
            assert given == f"→ {list(STRANGE.values())[mistake.given]}, {mistake.probability:.1%}"
        assert len(right) <= 16


def test_a_mistake_shows_its_picture_both_classes_and_the_probability() -> None:
    examined = examination("cnn")
    assert examined.answered
    figure = draw_mistakes(examined)
    assert len(figure.axes) == len(examined.answered.mistakes) == 25
    for axes, mistake in zip(figure.axes, examined.answered.mistakes, strict=True):
        words = f"{CLASS_NAMES[mistake.right]}\n→ {CLASS_NAMES[mistake.given]}, {100 * mistake.probability:.1f}%"
        assert axes.get_title() == words
        (image,) = axes.images
        assert image.get_interpolation() == "none"
        pixels = imread(io.BytesIO(base64.b64decode(mistake.png)))
        np.testing.assert_array_equal(image.get_array(), np.rint(255 * pixels))


def test_fewer_mistakes_leave_places_blank_and_none_are_a_sentence() -> None:
    examined = examination(images=100)
    assert examined.answered
    few, none = (
        replace(examined, answered=replace(examined.answered, mistakes=examined.answered.mistakes[:count]))
        for count in (6, 0)
    )
    panels = draw_mistakes(few).axes
    assert [bool(axes.images) for axes in panels] == [True] * 6 + [False] * 4
    assert not any(axes.axison for axes in panels)
    assert sentence(draw_mistakes(none)) == ["MLP has mistakes, but their probabilities are no numbers."]
    right = replace(none, answered=replace(examined.answered, mistakes=[], accuracy=1.0))
    assert sentence(draw_mistakes(right)) == ["MLP has all 100 test pictures right."]


def test_a_shift_is_the_mean_over_the_directions_in_a_band_of_all() -> None:
    ways = [[0.9], [0.5, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6], [0.1, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.0]]
    others = [[0.8], [0.75] * 8, [0.7] * 8]
    figure = draw_shift(
        [
            examination("mlp", shift=Shift(ways, "")),
            examination("cnn", unavailable="no_weights"),
            examination("cnn", shift=Shift(others, "")),
        ]
    )
    (axes,) = figure.axes
    assert legend(figure) == ["MLP", "CNN"]
    np.testing.assert_allclose([line.get_ydata() for line in axes.lines], [[0.9, 0.6, 0.25], [0.8, 0.75, 0.7]])
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1, 2]] * 2
    assert list(axes.get_xticks()) == [0, 1, 2]
    (band,) = axes.collections[0].get_paths()
    assert {(x, y) for x, y in band.vertices} == {(0, 0.9), (1, 0.5), (1, 0.7), (2, 0.0), (2, 0.4)}
    assert axes.get_ylabel() == "Test accuracy"
    assert "Pixels" in axes.get_xlabel()
    figure.draw_without_rendering()
    assert "80%" in ticks(axes.yaxis)


def test_a_model_that_was_not_examined_has_a_sentence_that_says_why() -> None:
    diverged, lost = examination(unavailable="diverged"), examination("cnn", unavailable="no_weights")
    reasons = [
        "MLP was not examined: each of its configurations has a run that diverged.",
        "CNN was not examined: the weights of its best run were not kept.",
    ]
    for draw in (draw_confusion, draw_mistakes):
        assert sentence(draw(diverged)) + sentence(draw(lost)) == reasons
    assert sentence(draw_shift([diverged, lost])) == reasons


def test_the_program_draws_each_figure_as_png_and_svg_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    classes = [name for name in STRANGE if name.isprintable()]
    examined = [examination(class_names=classes, images=100), examination("cnn", unavailable="diverged")]
    files = [tmp_path / f"{each.model}.json" for each in examined]
    for each, file in zip(examined, files, strict=True):
        each.write(file)
    for folder in ("first", "second"):
        plot_examinations(files, tmp_path / folder)
    names = examination_figures(["mlp", "cnn"])
    assert names == ["MLP_confusion", "MLP_mistakes", "CNN_confusion", "CNN_mistakes", "shift"]
    drawn = list((tmp_path / "first").iterdir())
    assert {file.name for file in drawn} == {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}
    for file in drawn:
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
        if file.suffix == ".svg":
            ElementTree.parse(file)  # noqa: S314  our own
