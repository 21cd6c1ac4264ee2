"""Files that are whole or absent, never half written; JSON and its hash; whether a lock is held."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sweep.errors import SweepError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it takes the place of `path`; on an exception it is removed.

    Raises:
        SweepError: the file cannot be written, for example because the disk is full or the folder is read-only.
    """
    try:
        with _temporary_beside(path) as temporary:
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)  # mkstemp gives its files to their owner alone
            temporary.replace(path)
    except (OSError, SafetensorError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise SweepError(
            f"{path} cannot be written ({reason}): mend that and run the same command again; "
            "what was there before is unchanged"
        ) from None


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: libraries choose a file format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(content: Any) -> str:
    """`content` as strict JSON. It is ASCII, so that file names of any encoding fit. NaN and infinities raise
    ValueError."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def canonical_hash(content: Any) -> str:
    """SHA-256 of `content` as JSON, the same for any order of its keys."""
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write `content` as strict JSON, atomically."""
    write_text(path, json_text(content))


def is_locked(lock: Path) -> bool:
    """Whether a process holds this lock. A lock file that is missing is not created."""
    try:
        with lock.open() as file:
            # A shared lock, released at once, so that it never really blocks a job.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
