"""One training job: publish the kept record of a run or, if there is none, train the run and keep its record."""

import logging
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from sweep.data.prepared import SPLITS, Manifest, map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.files import remove_abandoned, remove_file, write_json
from sweep.grid import Run
from sweep.runs.earlier import outcome_so_far, read_earlier
from sweep.runs.locks import take_lock
from sweep.runs.records import (
    Record,
    checkpoint_file,
    kept_file,
    lock_file,
    make_record,
    model_hash,
    read_kept,
    weights_file,
)
from sweep.runs.remaking import compare_with_old
from sweep.runs.weights import check_answers, write_weights

logger = logging.getLogger(__name__)

# SIGHUP comes when the terminal closes.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What decides numbers or makes results, below the project's folder: what git is asked about.
CODE = ("scripts", "workflow", "envs", "Snakefile")
# Environment variables by which libraries compute float32 products at a lower precision than torch was told to.
LOWER_PRECISION = (
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "NVIDIA_TF32_OVERRIDE",
    "CUBLAS_EMULATE_SINGLE_PRECISION",
    "CUBLAS_EMULATION_STRATEGY",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
)


@dataclass(frozen=True)
class Machine:
    """What a job may use. None of it is part of a run's series."""

    device: str  # auto, cpu or cuda
    precision: str  # auto, fp32 or bf16
    gpus: int  # how many the job was allotted
    jobs_per_gpu: int  # how many trainings may share one
    threads: int  # of the CPU


def run_job(
    run: Run, data: Path, records: Path, metrics: Path, machine: Machine, keep: str, checkpoint_interval_s: float
) -> None:
    """Make sure that the file `metrics` is the record of `run`, trained on the prepared data in the folder `data`.

    The record is kept in the folder `records`; the run is trained only if no intact record of it is there. `keep` says
    what is kept beside the record of a training: "state", "weights" or "nothing".

    Raises:
        SweepError: the data are damaged, the device is missing, memory runs out, or a file cannot be locked or written.
    """
    for number in SIGNALS:
        # `nohup` has SIGHUP ignored, and so it stays.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    manifest = read_manifest(data)
    kept = kept_file(records, run, manifest.content_hash)
    checkpoint = checkpoint_file(kept)
    trained = False
    record = None
    # Published without a lock, which may be somebody else's: locks are for training, which says what is damaged.
    with suppress(SweepError):
        record = read_kept(kept)
    if record is None:
        lock = lock_file(kept)
        with locked(lock):
            record = read_intact(kept)  # another job may have made it meanwhile
            if record is None:
                with memory_errors_explained(run):
                    record = train_run(run, data, manifest, machine, kept, checkpoint, keep, checkpoint_interval_s)
                trained = True
                compare_with_old(kept, record)
            with suppress(OSError):  # it may be somebody else's
                lock.unlink(missing_ok=True)
    write_json(metrics, record)
    if not trained:
        logger.info(f"Published from the kept record {kept}: nothing was trained")
    remove_abandoned(checkpoint.parent)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock that makes this job the only one that trains its run; wait for it if another job has it."""
    lock = take_lock(file)
    if lock is None:
        logger.info("Another job is training this run, or one that differs in its epochs alone: waiting for it")
        lock = take_lock(file, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def read_intact(kept: Path) -> Record | None:
    """The kept record; None if there is none, or if it is damaged, which is logged."""
    try:
        return read_kept(kept)
    except SweepError as error:
        logger.info(f"The kept record is not used: {error}")
        return None


@contextmanager
def memory_errors_explained(run: Run) -> Iterator[None]:
    """Turn the errors that mean that memory ran out into a SweepError that says what to do."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        from sweep.runs.hardware import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        raise SweepError(
            f"{run.model} at batch size {run.batch_size} ran out of memory: run fewer jobs at once "
            "(--resources mem_mb=…, on a GPU a smaller training.jobs_per_gpu), or take smaller "
            f"models.{run.model}.batch_sizes ({error})"
        ) from None


def train_run(
    run: Run,
    data: Path,
    manifest: Manifest,
    machine: Machine,
    kept: Path,
    checkpoint_file: Path,
    keep: str,
    checkpoint_interval_s: float,
) -> Record:
    """Train, and return the record, which is kept in the file `kept`, and the weights beside it.

    The training goes on from its checkpoint or from the state of a shorter run, whichever has more epochs.
    """
    # Before training: hours later the clone may be at another commit, and the model's file another one.
    commit, of_model = git_commit(), model_hash(run.model)
    for name in LOWER_PRECISION:
        os.environ.pop(name, None)
    # Imported here: torch takes seconds, and publishing a kept record does not need it.
    import torch

    from sweep.runs import hardware
    from sweep.runs.checkpoint import Checkpoint, as_arrays
    from sweep.training.loop import Snapshot, Split, train

    kind = hardware.choose_device(machine.device, machine.gpus)
    with hardware.taken_device(kind, machine.jobs_per_gpu) as (device, card):
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
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        }
        place = f"{card or device}, {precision}, {torch.get_num_threads()} CPU threads"
        logger.info(f"Training {run.path} for {run.epochs} epochs on {name} ({place})")
        made_with = {"device": device.type, "precision": precision, "torch": str(torch.__version__)}
        checkpoint = Checkpoint(checkpoint_file, made_with, checkpoint_interval_s)

        def remember(snapshot: Snapshot) -> None:
            hardware.check_float32()  # a model's file can switch it off
            checkpoint.keep(snapshot)

        snapshot = checkpoint.read(run.epochs)
        trained = len(snapshot.outcome["history"]["train_loss"]) if snapshot else 0
        if found := read_earlier(kept, made_with, trained):
            earlier, stored = found
            tensors_so_far = {name: torch.from_numpy(array) for name, array in stored.arrays.items()}
            snapshot = Snapshot(tensors_so_far, outcome_so_far(earlier.record))
            ended = f"where the run of {earlier.of} epochs ended ({earlier.file})"
            logger.info(f"Going on from epoch {earlier.epoch}, {ended}")
        elif snapshot:
            logger.info(f"Going on from the checkpoint {checkpoint_file}")
        tensors = map_prepared(data, manifest)
        splits = {
            split: Split(tensors[f"{split}_images"].to(device), tensors[f"{split}_labels"].to(device))
            for split in SPLITS
        }
        start = perf_counter() - (sum(snapshot.outcome["history"]["seconds"]) if snapshot else 0)
        try:
            outcome, final = train(run, splits, len(manifest.class_names), precision, remember, snapshot)
            hardware.check_float32()
            result = {
                "commit": commit,
                "status": "completed" if outcome.diverged_epoch is None else "diverged",
                **asdict(outcome),
                "training_s": perf_counter() - start,
                "environment": environment,
            }
            record = make_record(run, manifest.content_hash, result)
            arrays = {} if final is None else as_arrays(final.tensors)
            if arrays:
                check_answers(record, arrays, {split: tensors[f"{split}_labels"].numpy() for split in SPLITS})
            # Before the record: one that was made with weights never lacks them.
            if arrays and keep != "nothing":
                about = {"model_hash": of_model, "class_names": manifest.class_names, "made_with": made_with}
                write_weights(weights_file(kept), record, arrays, about, keep)
            else:
                # What is there is of another record, which this one replaces.
                remove_file(weights_file(kept))
            write_json(kept, record)
            checkpoint.remove()
        except (SystemExit, SweepError):  # raised by `stop`, or record or weights cannot be written
            if checkpoint.latest is not None and checkpoint.write(checkpoint.latest):
                logger.info(f"Wrote the checkpoint {checkpoint_file}: the same command resumes from it")
            raise
    return record


def git_commit() -> str | None:
    """The commit of the project's code, with -dirty if files of CODE are not those of the commit, new ones included.

    None if the project's folder is not itself a git repository (but is, for example, an archive unpacked in another
    one), or if git refuses to read it, as it does where it belongs to another user.
    """
    project = Path(__file__).resolve().parents[3]
    # GIT_DIR and others of its kind name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(project), *words]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return os.fsdecode(done.stdout).removesuffix("\n")

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != project:
            return None
        commit = git("rev-parse", "--verify", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=all", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit


def stop(number: int, _frame: object) -> None:
    """Leave by an exception, so that temporary files are removed. Later signals are ignored."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    logger.info(f"Interrupted by {signal.Signals(number).name}")
    sys.exit(128 + number)
