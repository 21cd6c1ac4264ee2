"""Locks that end with their process, also if it is killed, on files of folders that several users may share."""

import errno
import fcntl
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import SweepError
from sweep.files import make_folder, share

if TYPE_CHECKING:
    from filelock import BaseFileLock

# What the kernel answers where a file system has no locks, or none that work.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO, errno.EINVAL}


def take_lock(file: Path, wait: bool = False) -> "BaseFileLock | None":
    """Take a lock and return it, to be released; None if another process has it and this one is not to wait.

    Its holder may remove the file: who waited for the lock of a removed file tries again with a new one.

    Raises:
        SweepError: the file cannot be opened, as it is somebody else's, or the file system has no locks.
    """
    # Imported here: the programs that only ask whether a lock is held have no filelock in their environment.
    from filelock import FileLock, Timeout

    try:
        make_folder(file.parent)
        # Locks by existence, which filelock would fall back to, outlive a killed process.
        lock = FileLock(file, fallback_to_soft=False)
        lock.acquire(blocking=wait)
        share(file)
    except Timeout:
        return None
    except OSError as error:
        raise SweepError(_describe(file, error)) from None
    return lock


def _describe(file: Path, error: OSError) -> str:
    if error.errno in NO_LOCKS:
        return (
            f"{file.parent} is on a file system that has no file locks ({error.strerror}): "
            "put it on one that has them (flock), for example by a link"
        )
    if not file.exists():
        return f"{file} cannot be made ({error.strerror}): make its folder writable for you, or free space there"
    return (
        f"{file} cannot be locked ({error.strerror}): it belongs to {_owner(file)}; have it made writable for you "
        f"(chmod g+w), or, when nobody trains there any more, remove it: rm -f {file}"
    )


def _owner(file: Path) -> str:
    try:
        return file.owner()
    except (KeyError, OSError):  # a user that this machine does not know
        return f"user {file.lstat().st_uid}"


def is_locked(file: Path) -> bool:
    """Whether a process holds this lock. One that cannot be opened, as it is somebody else's, counts as held; one that
    is missing is not created."""
    try:
        with file.open() as opened:
            # A shared lock, released immediately, so that it never really blocks a job.
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False
