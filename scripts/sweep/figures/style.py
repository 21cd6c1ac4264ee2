"""The look of all figures: colours, line styles, the legend's columns, and saving."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from sweep.files import replacing

# Okabe & Ito's colours for all kinds of colour vision, without yellow (too pale in print) and black; the line style
# changes with each turn of the colours, so that no two of the first 24 curves look alike in grey either.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
LINE_STYLES = ["solid", "dashed", "dotted", "dashdot"]
# A line of the legend, in characters of its names; a column adds those that its line and gaps take up.
LEGEND_WIDTH, COLUMN_EXTRA = 84, 5


def legend_columns(names: Iterable[str]) -> int:
    """How many columns of these names a legend of a figure's width holds."""
    return max(1, min(5, LEGEND_WIDTH // (max(map(len, names)) + COLUMN_EXTRA)))


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure, its format by the file's suffix; text stays text in an SVG, and neither file holds a date or a
    random id: the same tables give the same bytes."""
    with replacing(file) as temporary, rc_context({"svg.fonttype": "none", "svg.hashsalt": "sweep"}):
        figure.savefig(temporary, dpi=200, metadata={"Date": None} if file.suffix == ".svg" else None)
