"""Tensors and facts about them in one safetensors file, under a digest. Reading one never executes code from it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safetensors import SafetensorError, safe_open

from sweep.errors import SweepError
from sweep.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DamagedError(SweepError):
    """The content of a file is not what was written."""


class Stored(NamedTuple):
    """What such a file holds."""

    facts: dict[str, Any]
    arrays: "dict[str, NDArray[Any]]"
    digest: str


def write_tensors(file: Path, facts: Mapping[str, Any], arrays: "Mapping[str, NDArray[Any]]") -> None:
    """Write a file atomically. Raises SweepError if it cannot be written."""
    # The Snakefile imports this module to read facts, for which it needs no numpy.
    import numpy as np
    from safetensors.numpy import save_file

    text = json.dumps(facts, allow_nan=False)
    with replacing(file) as temporary:
        # `save_file` writes memory order; a transposed view would be stored wrongly.
        whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
        save_file(whole, temporary, {"facts": text, "digest": compute_digest(text, whole)})


def read_tensors(file: Path) -> Stored:
    """Read a file and check its digest.

    Raises:
        FileNotFoundError: there is none.
        DamagedError: "<file> is damaged".
        SweepError: "<file> cannot be read (…)", as it may be for a file of somebody else.
    """
    with _opened(file) as (content, metadata):
        arrays = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  not a dict
        if compute_digest(metadata["facts"], arrays) != metadata["digest"]:
            raise ValueError("its content is not what its digest says")
        return Stored(dict(json.loads(metadata["facts"])), arrays, metadata["digest"])


def read_facts(file: Path) -> tuple[dict[str, Any], str]:
    """The facts of a file and the digest that it says it has, without reading its tensors. Raises as `read_tensors`."""
    with _opened(file) as (_, metadata):
        return dict(json.loads(metadata["facts"])), metadata["digest"]


@contextmanager
def _opened(file: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """The open file and its metadata. Whatever is wrong with it, in the block too, becomes a SweepError."""
    try:
        # safetensors calls every file that it cannot open a missing one.
        with file.open("rb"):
            pass
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SweepError(f"{file} cannot be read ({error.strerror})") from None
    try:
        with safe_open(file, framework="numpy") as content:
            yield content, content.metadata()
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        raise DamagedError(f"{file} is damaged") from None


def compute_digest(facts: str, arrays: "Mapping[str, NDArray[Any]]") -> str:
    """SHA-256 over everything that a file holds: its facts, and each tensor's name, type, shape and bytes."""
    import numpy as np

    content = sha256(facts.encode())
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.shape}".encode())
        content.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return content.hexdigest()
