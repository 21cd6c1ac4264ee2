"""How much each hyper-parameter matters."""

import pandas as pd

from sweep.grid import Grid

COLUMNS = ["model", "metric", "method", "term", "share", "df", "f", "p"]


def importance_table(runs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """To be written."""
    return pd.DataFrame(columns=COLUMNS)
