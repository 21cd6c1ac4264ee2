"""Prepare the data: see `prepare_data`."""

from pathlib import Path

from sweep import program
from sweep.data.prepared import save_prepared
from sweep.data.sources import load_source, split_validation


def prepare_data(source: str, path: Path, validation_size: int, output: Path, fingerprint: str = "") -> None:
    """Read a data set from its source and write the prepared file that every training maps into memory.

    --path is where the source's files are; CIFAR-10 is downloaded to there if it is missing. --output is the folder for
    the data file and its manifest, which notes the --fingerprint of the source's files.
    """
    dataset = load_source(source, path, print)
    arrays = split_validation(dataset, validation_size)
    manifest = save_prepared(output, source, dataset.class_names, arrays, fingerprint or None)
    print(f"Prepared {manifest.sizes} images of {len(manifest.class_names)} classes in {output}")


if __name__ == "__main__":
    program.run(prepare_data)
