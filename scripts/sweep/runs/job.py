"""One training job: publish the kept record of a run or, if there is none, train the run and keep its record."""

import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from filelock import FileLock, Timeout

from sweep.data.prepared import SPLITS, Manifest, map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.files import remove_abandoned, write_json
from sweep.grid import Run
from sweep.runs.records import lock_file, make_record, publish, run_key

SIGNALS = {number: number.name for number in (signal.SIGINT, signal.SIGTERM)}


@dataclass(frozen=True)
class Machine:
    """What a job may use. None of it is part of a run's key."""

    device: str  # auto, cpu or cuda
    precision: str  # auto, fp32 or bf16
    gpus: int  # how many the job was allotted
    jobs_per_gpu: int  # how many trainings may share one
    threads: int  # of the CPU


def run_job(run: Run, data: Path, records: Path, metrics: Path, machine: Machine, checkpoint_interval_s: float) -> None:
    """Make sure that the file `metrics` is the record of `run`, trained on the prepared data in the folder `data`.

    The record is kept in the folder `records`; the run is trained only if no intact record of it is there.

    Raises:
        SweepError: the data are damaged, the device is missing, memory runs out, or a file cannot be written.
    """
    for number in SIGNALS:
        signal.signal(number, stop)
    manifest = read_manifest(data)
    kept = records / f"{run_key(run, manifest.content_hash)}.json"
    checkpoint_file = records / "checkpoints" / f"{kept.stem}.safetensors"
    with locked(lock_file(kept)):
        if not publish_kept(kept, metrics):
            with memory_errors_explained(run):
                result = train_run(run, data, manifest, machine, checkpoint_file, checkpoint_interval_s)
            write_json(kept, make_record(run, manifest.content_hash, result))
            publish(kept, metrics)
        checkpoint_file.unlink(missing_ok=True)
        remove_abandoned(checkpoint_file.parent)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock that makes this job the only one that trains its run; wait for it if another job has it.

    The operating system frees the lock when the process ends, even if it is killed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log("Another job is training this run: waiting for its record")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def publish_kept(kept: Path, metrics: Path) -> bool:
    """Publish the kept record if it exists and is intact, and log it; return whether it was published."""
    try:
        published = publish(kept, metrics)
    except SweepError as error:
        log(f"The kept record is not used: {error}")
        return False
    if published:
        log(f"Published from the kept record {kept}: nothing was trained")
    return published


@contextmanager
def memory_errors_explained(run: Run) -> Iterator[None]:
    """Turn the errors that mean that memory ran out into a SweepError that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        from sweep.runs.hardware import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        raise SweepError(
            f"{run.model} at batch size {run.batch_size} ran out of memory: run fewer jobs at once "
            "(--resources mem_mb=…, on a GPU a smaller training.jobs_per_gpu), or take smaller "
            f"models.{run.model}.batch_sizes ({error})"
        ) from None


def train_run(
    run: Run, data: Path, manifest: Manifest, machine: Machine, checkpoint_file: Path, checkpoint_interval_s: float
) -> dict[str, Any]:
    """Train, and return what the record holds beside the run's parameters and hashes."""
    commit = git_commit()  # before training: hours later the clone may be at another commit
    # Imported here: torch takes seconds, and publishing a kept record does not need it.
    import torch

    from sweep.runs import hardware
    from sweep.runs.checkpoint import Checkpoint
    from sweep.training.loop import Split, train

    kind = hardware.choose_device(machine.device, machine.gpus, log)
    with hardware.taken_device(kind, machine.jobs_per_gpu, log) as (device, card):
        precision = hardware.choose_precision(machine.precision, device)
        hardware.set_up(device, machine.threads)
        name = hardware.device_name(device)
        environment = {
            "device_asked": machine.device,
            "device": device.type,
            "device_name": name,
            "gpu": card,
            "precision_asked": machine.precision,
            "precision": precision,
            "threads": machine.threads,
            "python": platform.python_version(),
            "torch": torch.__version__,
        }
        log(f"Training {run.path} on {name} ({card or device}, {precision}, {machine.threads} CPU threads)")
        made_with = {"device": device.type, "precision": precision, "torch": torch.__version__}
        checkpoint = Checkpoint(checkpoint_file, made_with, checkpoint_interval_s, log)
        snapshot = checkpoint.read()
        start = perf_counter() - (sum(snapshot.outcome["history"]["seconds"]) if snapshot else 0)
        try:
            tensors = map_prepared(data, manifest)
            splits = {
                split: Split(tensors[f"{split}_images"].to(device), tensors[f"{split}_labels"].to(device))
                for split in SPLITS
            }
            outcome = train(run, splits, len(manifest.class_names), precision, log, checkpoint.keep, snapshot)
        except SystemExit:  # raised by `stop`
            if checkpoint.latest is not None:
                checkpoint.write(checkpoint.latest)
                log(f"Wrote the checkpoint {checkpoint_file}: the same command resumes from it")
            raise
        training_s = perf_counter() - start
    return {
        "commit": commit,
        "status": "completed" if outcome.diverged_epoch is None else "diverged",
        **asdict(outcome),
        "training_s": training_s,
        "environment": environment,
    }


def git_commit() -> str | None:
    """The commit of the code, with -dirty if tracked files differ from it; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def stop(number: int, _frame: object) -> None:
    """Leave by an exception, so that temporary files are removed. Later signals are ignored."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    log(f"Interrupted by {SIGNALS[signal.Signals(number)]}")
    sys.exit(128 + number)


def log(line: str) -> None:
    """Print a line of the job's log without delay."""
    print(line, flush=True)
