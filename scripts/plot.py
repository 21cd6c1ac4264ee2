"""Draw the figures of a model: see `plot`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sweep import program
from sweep.analysis.tables import check_tables, read_table
from sweep.figures.curves import learning_curves, study_curves
from sweep.figures.effects import effect_figure
from sweep.figures.style import save_figure
from sweep.grid import Grid
from sweep.metrics import EFFECT_NAMES, METRIC_LABELS, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(tables: Path, model: str, top: int, figures: Path) -> None:
    """Draw all figures of a model, each as PNG and as SVG.

    --tables is the folder of the tables, --figures the folder to write to. The curves of a sweep are those of its --top
    best configurations; the tables of a study give the curves of the model and its variant.
    """
    check_tables(tables)
    for name, figure in drawn(tables, model, top):
        for suffix in ("png", "svg"):
            file = figures / f"{label(model)}_{name}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


def drawn(tables: Path, model: str, top: int) -> Iterator[tuple[str, "Figure"]]:
    """Each figure of the model with its name, one after the other, so that only one is in memory."""
    epochs, configurations = (read_table(tables / f"{name}.csv") for name in ("epochs", "configurations"))
    study = Grid.read(tables / "grid.json").study
    for metric in METRIC_LABELS:
        if study:
            yield f"{study}_{metric}", study_curves(epochs, configurations, study, model, metric)
        else:
            yield metric, learning_curves(epochs, configurations, model, metric, top)
    if not study:
        for name in EFFECT_NAMES:
            yield name, effect_figure(configurations, model, name)


if __name__ == "__main__":
    program.run(plot)
