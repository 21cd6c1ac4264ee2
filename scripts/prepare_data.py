"""Read a data set from its source and write the prepared file that every training maps into memory."""

import argparse
import sys
from pathlib import Path

from sweep.errors import SweepError
from sweep.prepared import save_prepared
from sweep.sources import load_source, split_validation


def main(args: argparse.Namespace) -> None:
    pictures = load_source(args.source, args.path, print)
    arrays = split_validation(pictures, args.validation_size)
    manifest = save_prepared(args.output, args.source, pictures.class_names, arrays)
    print(f"Prepared {manifest.sizes} pictures of {len(manifest.class_names)} classes in {args.output}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=["cifar10", "folder", "digits"], required=True)
    parser.add_argument("--path", type=Path, required=True, help="where the source's files are (CIFAR-10: or go)")
    parser.add_argument("--validation-size", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the folder for the data file and its manifest")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
