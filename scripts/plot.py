"""Draw the figures of a model: see `plot`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sweep import program
from sweep.analysis.rungs import compare_equals, survivors
from sweep.analysis.tables import check_tables, configuration_table, read_table
from sweep.figures.curves import draw_learning_curves, draw_study_curves
from sweep.figures.effects import draw_effect
from sweep.figures.halving import draw_halving
from sweep.figures.heatmaps import draw_heatmap
from sweep.figures.importance import draw_importance
from sweep.figures.style import save_figure
from sweep.grid import Grid
from sweep.metrics import HALVING_FIGURE, HEATMAPS, METRIC_LABELS, figure_names, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(grid: Path, tables: Path, model: str, top: int, figures: Path) -> None:
    """Draw all figures of a model, each as PNG and as SVG.

    --grid is the grid that the tables must be of, --tables their folder, and --figures the folder to write to. The
    curves of a sweep are those of its --top best configurations; a study has all of its own, if they are few. Of a
    model that is halved, curves are those of configurations that were not stopped, and hyper-parameters are compared
    after the first rung, which all configurations reached.
    """
    check_tables(tables, grid)
    for name, figure in draw_figures(tables, model, top):
        for suffix in ("png", "svg"):
            file = figures / f"{label(model)}_{name}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


def draw_figures(tables: Path, model: str, top: int) -> Iterator[tuple[str, "Figure"]]:
    """Each figure of the model with its name, one after the other, so that only one is in memory."""
    names = ("epochs", "configurations", "importance")
    epochs, configurations, importance = (read_table(tables / f"{name}.csv") for name in names)
    grid = Grid.read(tables / "grid.json")
    space = grid.models[model]
    longest, equal = configurations, configurations
    if space.halving:
        runs = read_table(tables / "runs.csv")
        longest = survivors(configurations, grid)
        equal = configuration_table(
            compare_equals(runs[runs["model"] == model], epochs, grid.of_model(model)), grid.rank_by
        )
    draw_curves = draw_study_curves if grid.study else draw_learning_curves
    for name in figure_names(space):
        if name in METRIC_LABELS:
            yield name, draw_curves(epochs, longest, space, model, name, top)
        elif name == HALVING_FIGURE:
            yield name, draw_halving(epochs, configurations, space, model, grid.rank_by)
        elif name in HEATMAPS:
            yield name, draw_heatmap(equal, space, model, HEATMAPS[name])
        elif name == "importance":
            yield name, draw_importance(importance, equal, space, model)
        else:
            yield name, draw_effect(equal, space, model, name.removeprefix("effect_"))


if __name__ == "__main__":
    program.run(plot)
