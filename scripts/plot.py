"""Draw the figures of a model: see `plot`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sweep import program
from sweep.analysis.tables import check_tables, read_table
from sweep.figures.curves import draw_learning_curves, draw_study_curves
from sweep.figures.effects import draw_effect, draw_heatmap
from sweep.figures.style import save_figure
from sweep.grid import Grid
from sweep.metrics import EFFECTS, HEATMAPS, METRIC_LABELS, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(grid: Path, tables: Path, model: str, top: int, figures: Path) -> None:
    """Draw all figures of a model, each as PNG and as SVG.

    --grid is the grid that the tables must be of, --tables their folder, and --figures the folder to write to. The
    curves of a sweep are those of its --top best configurations. If the tables are those of a study, the curves compare
    the model with its variant.
    """
    check_tables(tables, grid)
    for name, figure in draw_figures(tables, model, top):
        for suffix in ("png", "svg"):
            file = figures / f"{label(model)}_{name}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


def draw_figures(tables: Path, model: str, top: int) -> Iterator[tuple[str, "Figure"]]:
    """Each figure of the model with its name, one after the other, so that only one is in memory."""
    epochs, configurations = (read_table(tables / f"{name}.csv") for name in ("epochs", "configurations"))
    if study := Grid.read(tables / "grid.json").study:
        for metric in METRIC_LABELS:
            yield f"{study}_{metric}", draw_study_curves(epochs, configurations, study, model, metric)
        return
    for metric in METRIC_LABELS:
        yield metric, draw_learning_curves(epochs, configurations, model, metric, top)
    for name, metric in HEATMAPS.items():
        yield name, draw_heatmap(configurations, model, metric)
    for name, parameter in EFFECTS.items():
        yield name, draw_effect(configurations, model, parameter)


if __name__ == "__main__":
    program.run(plot)
