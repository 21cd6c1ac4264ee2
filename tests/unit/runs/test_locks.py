"""Locks of several users, on any file system: taken, waited for, or refused in a sentence."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from filelock import BaseFileLock

from sweep.errors import SweepError
from sweep.files import make_folder, write_json
from sweep.runs.locks import is_locked, take_lock


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user whom the permissions of files bind, as they do not bind root."""
    path = Path(tempfile.mkdtemp())
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)
        os.seteuid(65534)
    yield path
    os.seteuid(os.getuid())
    shutil.rmtree(path)


@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_lock_of_somebody_else_is_a_sentence_with_the_remedy(folder: Path, mode: int) -> None:
    file = folder / "run.lock"
    file.touch()
    file.chmod(mode)
    with pytest.raises(SweepError) as caught:
        take_lock(file)
    assert str(caught.value).startswith(f"{file} cannot be locked (Permission denied): it belongs to ")
    assert str(caught.value).endswith(f"remove it: rm -f {file}")
    # Whoever may read it sees whether it is held; otherwise it might be.
    assert is_locked(file) == (mode == 0)


def test_a_folder_that_one_may_not_write_to_is_named(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(SweepError, match=r"cannot be made .* make its folder writable"):
        take_lock(folder / "run.lock")
    folder.chmod(0o700)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "old.lock").touch()
    monkeypatch.setattr(fcntl, "flock", flock)
    for name in ("old.lock", "new.lock"):
        with pytest.raises(SweepError, match=f"{tmp_path} is on a file system that has no file locks"):
            take_lock(tmp_path / name)
    assert is_locked(tmp_path / "old.lock")
    assert not is_locked(tmp_path / "none.lock")


def test_a_lock_is_held_until_it_is_released(tmp_path: Path) -> None:
    file = tmp_path / "new" / "run.lock"
    assert not is_locked(file)
    lock = take_lock(file)
    assert lock is not None
    assert is_locked(file)
    assert take_lock(file) is None
    lock.release()
    assert not is_locked(file)


def test_who_waited_for_a_lock_whose_file_was_removed_holds_the_lock_that_others_see(tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    first = take_lock(file)
    assert first is not None
    found: list[BaseFileLock | None] = []
    waiting = Thread(target=lambda: found.append(take_lock(file, wait=True)))
    waiting.start()
    file.unlink()
    first.release()
    waiting.join()
    assert is_locked(file)
    assert take_lock(file) is None
    assert found[0] is not None


def test_what_is_made_in_a_folder_of_a_group_is_the_groups_under_any_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    before = os.umask(0o077)
    try:
        lock = take_lock(tmp_path / "records" / "locks" / "run.lock")
        write_json(tmp_path / "records" / "run.json", {})
    finally:
        os.umask(before)
    assert lock is not None
    lock.release()
    modes = {str(file.relative_to(tmp_path)): file.stat().st_mode & 0o777 for file in tmp_path.rglob("*")}
    assert modes == {
        "records": 0o770,
        "records/locks": 0o770,
        "records/locks/run.lock": 0o660,
        "records/run.json": 0o660,
    }


def test_what_is_made_in_a_folder_of_ones_own_is_as_the_umask_says(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a" / "b").stat().st_mode & stat.S_IWGRP
    with pytest.raises(FileExistsError):
        (tmp_path / "file").touch()
        make_folder(tmp_path / "file")
