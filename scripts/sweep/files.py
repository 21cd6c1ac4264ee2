"""Files that are whole or absent, never half written; JSON and its hash; folders that a group shares."""

import ast
import errno
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sweep.errors import SweepError

# Part of the name of every temporary file.
UNFINISHED = ".unfinished-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it takes the place of `path`; on an exception it is removed.

    After success the disk holds the file, so that a power cut cannot take it back. Temporary files that a killed
    process left in the same folder are removed.

    Raises:
        SweepError: the file cannot be written, for example because the disk is full or the folder is read-only.
    """
    try:
        with _temporary_beside(path) as temporary:
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)  # mkstemp gives its files to their owner alone
            share(temporary)
            _sync(temporary)
            temporary.replace(path)
            with suppress(OSError):  # some file systems cannot do this for a folder
                _sync(path.parent)
    except (OSError, SafetensorError) as error:
        reason = _obstacle(path) or (isinstance(error, OSError) and error.strerror) or error
        raise SweepError(
            f"{path} cannot be written ({reason}): mend that and run the same command again; "
            "what was there before is unchanged"
        ) from None


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    make_folder(path.parent)
    remove_abandoned(path.parent)
    # The suffix stays last: libraries choose a file format by it.
    prefix = f".{path.stem}{UNFINISHED}"
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
        # The lock says that a process still writes this file.
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)  # another process removed the file before it was locked
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in `folder` whose process was killed: no process holds their lock any more."""
    for file in folder.glob(f".*{UNFINISHED}*"):
        with suppress(OSError), file.open("r+b") as opened:  # an error: it is being written, or is of another user
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()


def _sync(path: Path) -> None:
    """Wait until the disk holds a file's content, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # not known to this file system
            raise
    finally:
        os.close(handle)


def _obstacle(path: Path) -> str | None:
    """What lies in the place of one of the folders above `path`; None if nothing does."""
    for folder in reversed(path.parents):
        if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112  the methods may raise errors
            return f"{folder} is {'not a folder' if os.path.exists(folder) else 'a link to nothing'}"  # noqa: PTH110
    return None


def remove_file(path: Path) -> None:
    """Remove a file, if it is there. Raises SweepError if it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        advice = "mend that and run the same command again"
        raise SweepError(f"{path} cannot be removed ({error.strerror}): {advice}") from None


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
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    # Names of folders may hold bytes that are not UTF-8, which Python has as surrogates.
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def read_json(path: Path) -> Any:
    """The content of a JSON file that the sweep wrote. Raises SweepError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SweepError(f"{path} is missing or damaged ({error}): run the same command again") from None


def write_json(path: Path, content: Any) -> None:
    """Write `content` as strict JSON, atomically."""
    write_text(path, json_text(content))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are missing. Each is open to the same group as the one above it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        share(folder)


def share(path: Path) -> None:
    """Give a new file or folder to the group of the folder that it is in, if that group may write there: so users who
    share a folder need no special umask."""
    folder = path.parent.stat()
    if not folder.st_mode & stat.S_IWGRP:
        return
    with suppress(OSError):  # it is somebody else's, or on a file system without owners
        if path.stat().st_gid != folder.st_gid:
            os.chown(path, -1, folder.st_gid)
        mode = path.stat().st_mode
        path.chmod(stat.S_IMODE(mode) | (stat.S_IRWXG if stat.S_ISDIR(mode) else stat.S_IRGRP | stat.S_IWGRP))


def read_code(file: Path) -> str:
    """The text of a Python file. Raises SweepError, "<file> …", if it cannot be read or is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SweepError(f"{file} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SweepError(f"{file} is not text in UTF-8 ({error}); save it as UTF-8") from None


def parse_code(file: Path) -> ast.Module:
    """The syntax tree of a Python file. Raises SweepError, "<file> …", if it cannot be read or is not Python."""
    try:
        return ast.parse(read_code(file))
    except SyntaxError as error:
        raise SweepError(f"{file}, line {error.lineno}: this is not Python ({error.msg}); mend that line") from None
    except (ValueError, RecursionError) as error:  # a null byte, or thousands of brackets
        raise SweepError(f"{file} is not Python ({error})") from None
