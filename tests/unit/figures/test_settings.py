"""Figures do not depend on the user's settings of matplotlib."""

import os
import subprocess
import sys
from pathlib import Path

from examples import record
from plot import draw_figures
from project import REPOSITORY
from sweep.analysis.tables import write_tables
from sweep.figures.style import save_figure
from sweep.grid import Grid

SETTINGS = "backend: module://no.such.backend\nfont.size: 30\nlines.linewidth: 9\nsavefig.bbox: tight\n"
MODELS = {"mlp": {"batch_sizes": [8], "learning_rates": [0.1, 0.2], "dropout_rates": [0], "epochs": 2}}


def test_a_notebooks_and_a_users_settings_change_nothing(tmp_path: Path) -> None:
    """The backend of a notebook that is not installed; settings in the files in which matplotlib looks for them, one of
    them not even text; and a folder for its own files that cannot be made."""
    grid = Grid.of(MODELS, [0])
    records = [record(run, [1.0, 0.5], [0.5, 0.6]) for run in grid.runs()]
    write_tables(tmp_path, grid.runs(), records, grid)
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "matplotlibrc").write_bytes(b"# M\xfcller\n" + SETTINGS.encode())
    program = (
        "from pathlib import Path; from plot import draw_figures, save_figure\n"
        "figures = dict(draw_figures(Path('.'), 'mlp', 9))\n"
        "for suffix in ('png', 'svg'): save_figure(figures['val_acc'], Path(f'found.{suffix}'))\n"
    )
    backend = {"MPLBACKEND": "module://no.such.backend", "MATPLOTLIBRC": str(tmp_path / "home")}
    environment = {**os.environ, **backend, "MPLCONFIGDIR": "/proc/none", "PYTHONPATH": str(REPOSITORY / "scripts")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figure = dict(draw_figures(tmp_path, "mlp", 9))["val_acc"]
    for suffix in ("png", "svg"):
        expected = tmp_path / f"expected.{suffix}"
        save_figure(figure, expected)
        assert (tmp_path / f"found.{suffix}").read_bytes() == expected.read_bytes()
