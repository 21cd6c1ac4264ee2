"""Files are whole or absent, also after a kill or a power cut; they have the usual permissions, and JSON is strict."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.errors import SweepError
from sweep.files import remove_abandoned, replacing, write_json, write_text


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    write_text(file, "old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_nan_is_not_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "record.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_new_file_appears_whole_and_its_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    file = tmp_path / "new" / "figure.svg"
    with replacing(file) as temporary:
        temporary.write_text("new")
        assert not file.exists()
        assert temporary.suffix == ".svg"  # libraries choose a file format by it
        assert temporary.parent == file.parent  # a rename is atomic only within a file system
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_file_has_the_permissions_that_the_users_other_files_have(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "shared.csv", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "shared.csv").stat().st_mode & 0o777 == mode


def begin_to_write(file: Path) -> subprocess.Popen[bytes]:
    """A process that has written half of a file and waits."""
    program = (
        "import sys, time; from pathlib import Path; from sweep.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the n'); print(flush=True); time.sleep(600)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    file, user_file = tmp_path / "images.safetensors", tmp_path / ".images.original.safetensors"
    user_file.touch()
    with begin_to_write(file) as killed, begin_to_write(tmp_path / "other.json") as living:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(list(tmp_path.iterdir())) == 3
        write_text(file, "whole")
        remaining = {path.name for path in tmp_path.iterdir()} - {file.name, user_file.name}
        assert [name.split("-")[0] for name in remaining] == [".other.unfinished"]
        living.send_signal(signal.SIGKILL)
    remove_abandoned(tmp_path)
    assert set(tmp_path.iterdir()) == {file, user_file}
    remove_abandoned(tmp_path / "no such folder")


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = fcntl.flock, []

    def lock_late(handle: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            remove_abandoned(tmp_path)
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    write_text(tmp_path / "a.csv", "x")
    assert len(calls) == 3
    assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]


def test_a_file_system_without_fsync_or_locks_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(fcntl, "flock", refuse)
    write_text(tmp_path / "a.csv", "x")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]


def test_an_error_of_the_disk_while_it_is_synced_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    write_text(tmp_path / "a.csv", "old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SweepError, match=r"a.csv cannot be written \(Input/output error\)"):
        write_text(tmp_path / "a.csv", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_what_lies_in_a_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to("nowhere")
    (tmp_path / "report").touch()
    for folder, sentence in {"results": "results is a link to nothing", "report": "report is not a folder"}.items():
        with pytest.raises(SweepError, match=rf"a.csv cannot be written \({tmp_path}/{sentence}\)"):
            write_text(tmp_path / folder / "tiny" / "a.csv", "x")
