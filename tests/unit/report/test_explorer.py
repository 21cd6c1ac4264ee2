"""What the page to explore a sweep says of how sure a ranking is: the templates have a sentence for each kind."""

import json
from pathlib import Path

import pytest

from examples import record
from sweep.analysis.noise import seeds_to_know
from sweep.analysis.tables import run_table
from sweep.grid import Grid
from sweep.report.explorer import _sure

TEXTS = Path("workflow/templates/explorer")
FOUR = [0.0, 0.2, 0.4, 0.6]


@pytest.mark.parametrize(
    ("losses", "rates", "seeds", "left_out", "found"),
    [
        # Pooled over two with one degree of freedom each, 0.0141; the third is far behind.
        (
            [1.00, 1.02, 1.03, 1.01, 3.00, 3.02],
            [0.0, 0.2, 0.4],
            [0, 1],
            0,
            {"kind": "seeds", "alike": ["8_0.1_0.0", "8_0.1_0.2"], "ranked": 3, "noise": "0.014"},
        ),
        ([1.0, 1.0, 1.1, 1.1], [0.0, 0.2], [0, 1], 0, {"kind": "none", "alike": []}),
        ([1.0, 1.1], [0.0], [0, 1], 0, {"kind": "single", "alike": []}),
        ([1.0, 1.1, 1.2, 1.3], FOUR, [0], 0, {"kind": "unknown", "alike": [], "seeds": seeds_to_know(4)}),
        # A configuration is missing, with both its runs.
        ([1.0, 1.1, 1.2, 1.3], [0.0, 0.2], [0, 1], 2, {"kind": "missing", "alike": []}),
    ],
)
def test_each_kind_of_noise_has_its_sentence(
    losses: list[float], rates: list[float], seeds: list[int], left_out: int, found: dict[str, object]
) -> None:
    grid = Grid.of(
        {"mlp": {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": rates, "epochs": 1}},
        seeds,
    )
    runs = grid.runs()[left_out:]
    records = [record(run, [loss], [0.5]) for run, loss in zip(runs, losses[left_out:], strict=True)]
    table = run_table(runs, records, grid)
    assert _sure("mlp", table, grid) == found
    for language in ("en", "zh"):
        texts = json.loads((TEXTS / f"texts.{language}.json").read_text(encoding="utf-8"))["sure"]
        assert "mlp" in texts[str(found["kind"])].format(model="mlp", metric="val_loss", count=2, **found)
