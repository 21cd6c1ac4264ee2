"""Draw what the hyper-parameters do to a model's final validation figures: heat maps and effects, as PNG and SVG."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from sweep.effect_figures import effect_figure
from sweep.errors import SweepError
from sweep.figures import save_figure
from sweep.metrics import EFFECT_NAMES
from sweep.tables import check_tables


def main(args: argparse.Namespace) -> None:
    check_tables(args.tables)
    # The names of rates are those of their exact numbers.
    configurations = pd.read_csv(args.tables / "configurations.csv", float_precision="round_trip")
    for name in EFFECT_NAMES:
        figure = effect_figure(configurations, args.model, name)
        for suffix in ("png", "svg"):
            file = args.pictures / f"{args.model.upper()}_{name}.{suffix}"
            save_figure(figure, file)
            print(f"Drew {file}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the tables")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="the folder of the figures")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
