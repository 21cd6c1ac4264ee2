"""Draw a study's learning curves of a model and its variant, a figure a metric, as PNG and SVG."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from sweep.errors import SweepError
from sweep.figures import save_figure
from sweep.metrics import METRIC_LABELS
from sweep.studies import VARIANTS
from sweep.study_figures import study_curves
from sweep.tables import check_tables


def main(args: argparse.Namespace) -> None:
    check_tables(args.tables)
    # The names of rates are those of their exact numbers.
    epochs, configurations = (
        pd.read_csv(args.tables / f"{name}.csv", float_precision="round_trip") for name in ("epochs", "configurations")
    )
    for metric in METRIC_LABELS:
        figure = study_curves(epochs, configurations, args.study, args.model, metric)
        for suffix in ("png", "svg"):
            file = args.pictures / f"{args.model.upper()}_{args.study}_{metric}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the study's tables")
    parser.add_argument("--study", choices=VARIANTS, required=True)
    parser.add_argument("--model", required=True, help="the model; its variant comes with it")
    parser.add_argument("--pictures", type=Path, required=True, help="the folder of the figures")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
