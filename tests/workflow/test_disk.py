"""A disk that is full, or not ours to write: one clear sentence, nothing half-written, and what was there stays."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project import Sweep, contents


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def move_to(disk: Path, sweep: Sweep) -> None:
    """Put results and report on the disk."""
    for name in ("results", "report"):
        shutil.move(sweep.folder / name, disk / name)
        (sweep.folder / name).symlink_to(disk / name)


def fill(disk: Path) -> Path:
    """Leave nothing."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)
    return filler


def made(folder: Path) -> dict[str, bytes]:
    """What is in results and report, but for what jobs print and take, and locks."""
    return {
        name: content
        for name, content in contents(folder).items()
        if name.startswith(("results/", "report/")) and not {"logs", "benchmarks", "locks"} & set(Path(name).parts)
    }


@pytest.fixture(scope="module")
def commands(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A command of each rule, as Snakemake prints it, without its log."""
    folder = tmp_path_factory.mktemp("commands") / "sweep"
    shutil.copytree(finished_once, folder)
    planned = Sweep(folder).snakemake("--dry-run", "--printshellcmds", "--forceall").output
    return {rule: command for command, rule in re.findall(r"(python scripts/(\w+)\.py .*) > ", planned)}


def no_metrics(sweep: Sweep) -> None:
    shutil.rmtree(sweep.results / "runs")


@pytest.mark.parametrize(
    ("rule", "options", "missing"),
    [
        ("prepare_data", "", None),
        ("train", "", Sweep.forget),  # the weights cannot be written
        ("train", "--checkpoint-interval-s 0", Sweep.forget),
        ("train", "", no_metrics),  # its copy cannot
        ("train", "--epochs 3", None),  # it goes on from a shorter run, whose files stay
        ("aggregate", "", None),
        ("plot", "", None),
        ("examine", "", None),
        ("plot_examinations", "", None),
        ("render_report", "", None),
        ("render_explorer", "", None),
    ],
)
def test_a_full_disk_is_one_sentence_and_what_was_there_stays(
    finished: Sweep,
    disk: Path,
    commands: dict[str, str],
    rule: str,
    options: str,
    missing: Callable[[Sweep], None] | None,
) -> None:
    job = f"{commands[rule]} {options}"
    move_to(disk, finished)
    if missing is not None:
        missing(finished)
    filler = fill(disk)
    before = made(disk)
    failed = finished.run(job)
    assert failed.code == 1
    error = failed.output.splitlines()[-1]
    assert re.fullmatch(r"Error: \S+ cannot be written \(.*No space left on device.*\): mend that and .*", error)
    assert "Traceback" not in failed.output
    assert made(disk) == before

    if rule == "train":  # whose locks are not among what is compared
        filler.unlink()
        assert finished.run(job).code == 0
        assert made(disk).keys() >= before.keys()


def test_snakemake_says_it_where_not_even_the_log_can_be_written(finished: Sweep, disk: Path) -> None:
    no_metrics(finished)
    move_to(disk, finished)
    # The index of the images, which are copies, is written at the first look.
    finished.snakemake("--dry-run")
    filler = fill(disk)
    refused = finished.snakemake(succeeds=False)
    assert "Error: no space is left on the disk of results/tiny: free some and run the same command" in refused.output
    filler.unlink()
    finished.snakemake("--rerun-incomplete", "--until", "train")
    assert len(list(finished.results.glob("runs/**/metrics.json"))) == 6


# Root may write everywhere: without this right it is a user like any other.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []


@pytest.mark.parametrize(
    ("folder", "owner"), [("results", os.getuid()), ("results/records/locks", 65534), ("report/tiny", os.getuid())]
)
def test_a_folder_that_is_not_ours_to_write_is_one_sentence_before_any_training(
    finished: Sweep, folder: str, owner: int
) -> None:
    if owner != os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    finished.forget()
    no_metrics(finished)
    if folder == "results":
        shutil.rmtree(finished.results)
    place = finished.folder / folder
    if owner == os.getuid():
        place.chmod(0o555)
    else:
        os.chown(place, owner, owner)
    refused = finished.run(shlex.join([*AS_A_USER, "snakemake", "--cores", "2"]))
    assert refused.code == 1
    assert " cannot be written" in refused.output
    assert folder in refused.output.split(" cannot be written")[0].splitlines()[-1]
    assert "Error in rule" not in refused.output
    place.chmod(0o755)
