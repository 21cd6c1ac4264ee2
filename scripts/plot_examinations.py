"""Draw the figures of all examinations: see `plot_examinations`."""

from pathlib import Path

from sweep import program
from sweep.analysis.examined import Examination
from sweep.figures.examinations import draw_confusion, draw_mistakes, draw_shift
from sweep.figures.style import save_figure
from sweep.metrics import EXAMINATION_FIGURES, SHIFT_FIGURE, label


def plot_examinations(examinations: list[Path], figures: Path) -> None:
    """Draw the confusion matrix and the mistakes of each model, and how all of them bear a shift, as PNG and as SVG.

    --examinations are the files of the models' examinations, in the order of the legend, and --figures is the folder to
    write to.
    """
    examined = [Examination.read(file) for file in examinations]
    draw = dict(zip(EXAMINATION_FIGURES, (draw_confusion, draw_mistakes), strict=True))
    drawn = {f"{label(each.model)}_{name}": draw[name](each) for each in examined for name in draw}
    for name, figure in {**drawn, SHIFT_FIGURE: draw_shift(examined)}.items():
        for suffix in ("png", "svg"):
            file = figures / f"{name}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


if __name__ == "__main__":
    program.run(plot_examinations)
