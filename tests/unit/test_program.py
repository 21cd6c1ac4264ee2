"""A function as a program: what becomes of its log, wherever that goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project import REPOSITORY

PROGRAM = """
import logging
import os
from sweep import program

logger = logging.getLogger(__name__)
library = logging.getLogger("sweep.runs.job")
another = logging.getLogger("matplotlib")


def speak(file: str):
    logger.info("Größe 王小明")
    another.info("what another library says")
    library.info("100 %s of it")
    with open(file, "w") as made:
        made.write("at its end")
    os.abort() if os.environ.get("ABORT") else None


program.run(speak)
"""


def run(folder: Path, stdout: int, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run PROGRAM, which writes the file `made` in `folder` after its log."""
    (folder / "speak.py").write_text(PROGRAM, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(folder / "speak.py"), "--file", str(folder / "made")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("abort", ["", "1"])
def test_lines_of_the_program_and_the_library_are_written_as_they_are_and_at_once(tmp_path: Path, abort: str) -> None:
    done = run(tmp_path, subprocess.PIPE, PYTHONUTF8="1", ABORT=abort)
    assert done.stdout.decode() == "Größe 王小明\n100 %s of it\n"


def test_characters_that_the_locale_lacks_are_escaped(tmp_path: Path) -> None:
    done = run(tmp_path, subprocess.PIPE, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="")
    assert done.stdout == b"Gr\\xf6\\xdfe \\u738b\\u5c0f\\u660e\n100 %s of it\n"
    assert done.returncode == 0


@pytest.mark.parametrize("place", ["full", "closed"])
def test_lines_that_cannot_be_written_are_lost_and_the_program_ends_well(tmp_path: Path, place: str) -> None:
    if place == "full":
        stdout = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, stdout = os.pipe()
        os.close(reader)
    done = run(tmp_path, stdout)
    os.close(stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "made").read_text() == "at its end"


def test_several_values_of_an_option_are_collected_however_they_are_given(tmp_path: Path) -> None:
    """--set a=1 --set b=2 must not forget the first, as argparse does by default."""
    text = "from sweep import program\n\n\ndef show(set_: list[str] = []):\n    print(set_)\n\n\nprogram.run(show)\n"
    (tmp_path / "show.py").write_text(text)
    command = [sys.executable, str(tmp_path / "show.py"), "--set", "a=1", "b=2", "--set", "c=3"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    assert subprocess.check_output(command, env=environment, text=True) == "['a=1', 'b=2', 'c=3']\n"
