"""Files are whole or absent, have the usual permissions, and JSON is strict."""

import os
from pathlib import Path

import pytest

from sweep.files import replacing, write_json, write_text


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
