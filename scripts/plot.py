"""Draw one figure: a metric's learning curves of a model's best configurations, as PNG and SVG."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from sweep.errors import SweepError
from sweep.figures import learning_curves, save_figure
from sweep.metrics import METRIC_LABELS
from sweep.tables import check_tables


def main(args: argparse.Namespace) -> None:
    check_tables(args.tables)
    figure = learning_curves(
        pd.read_csv(args.tables / "epochs.csv"),
        pd.read_csv(args.tables / "configurations.csv"),
        args.model,
        args.metric,
        args.top,
    )
    for file in args.output:
        save_figure(figure, file)
        print(f"Drew {file}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the tables")
    parser.add_argument("--model", required=True)
    parser.add_argument("--metric", choices=METRIC_LABELS, required=True)
    parser.add_argument("--top", type=int, required=True, help="how many configurations to draw, the best first")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="the files, their format by their suffix")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
