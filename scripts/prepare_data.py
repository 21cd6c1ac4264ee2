"""Prepare the data: see `prepare_data`."""

import logging
from pathlib import Path

from sweep import program
from sweep.data.prepared import save_prepared
from sweep.data.sources import load_source, split_validation
from sweep.files import read_json

logger = logging.getLogger(__name__)


def prepare_data(asked: Path, output: Path) -> None:
    """Read a data set from its source and write the prepared file that every training maps into memory.

    --asked is a JSON file: the source, the path of its files (or, for CIFAR-10, where they are downloaded to), the size
    of the validation set, and the fingerprint of an image folder. --output is the folder for the data file and its
    manifest.
    """
    settings = read_json(asked)
    dataset = load_source(settings["source"], Path(settings["path"]))
    arrays = split_validation(dataset, settings["validation_size"])
    fingerprint = settings["fingerprint"]
    manifest = save_prepared(output, settings["source"], dataset.class_names, arrays, fingerprint)
    logger.info(f"Prepared {manifest.sizes} images of {len(manifest.class_names)} classes in {output}")


if __name__ == "__main__":
    program.run(prepare_data)
