"""Train one run and write its metrics.json, or publish the record that is kept of it."""

import argparse
import platform
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from filelock import FileLock, Timeout

from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Run
from sweep.prepared import Manifest, map_prepared, read_manifest
from sweep.records import make_record, publish, run_key

SIGNALS = {number: number.name for number in (signal.SIGINT, signal.SIGTERM)}


def log(line: str) -> None:
    """A line of the job's log, at once."""
    print(line, flush=True)


def stop(number: int, _frame: object) -> None:
    """End the program by an exception, so that files in the making are removed; once, whatever else arrives."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    log(f"Interrupted by {SIGNALS[signal.Signals(number)]}")
    sys.exit(128 + number)


def git_commit() -> str | None:
    """The commit of the code, with -dirty if tracked files differ from it; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def train_run(run: Run, manifest: Manifest, checkpoint_file: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Train, and return what the record says beside the run's parameters and hashes."""
    commit = git_commit()  # now, not after hours of training
    # Here, so that publishing a kept record takes milliseconds.
    import torch

    from sweep import hardware
    from sweep.checkpoint import Checkpoint
    from sweep.training.loop import Split, train

    kind = hardware.choose_device(args.device, args.gpus, log)
    with hardware.taken_device(kind, args.jobs_per_gpu, log) as (device, card):
        precision = hardware.choose_precision(args.precision, device)
        hardware.set_up(device, args.threads)
        name = hardware.device_name(device)
        log(f"Training {run.path} on {name} ({card or device}, {precision}, {args.threads} CPU threads)")
        made_with = {"device": device.type, "precision": precision, "torch": torch.__version__}
        checkpoint = Checkpoint(checkpoint_file, made_with, args.checkpoint_interval_s, log)
        snapshot = checkpoint.read()
        start = perf_counter() - (sum(snapshot.outcome["history"]["seconds"]) if snapshot else 0)
        try:
            tensors = map_prepared(args.data, manifest)
            splits = {
                split: Split(tensors[f"{split}_images"].to(device), tensors[f"{split}_labels"].to(device))
                for split in ("train", "validation", "test")
            }
            outcome = train(run, splits, len(manifest.class_names), precision, log, checkpoint.keep, snapshot)
        except SystemExit:  # by `stop`
            if checkpoint.latest is not None:
                checkpoint.write(checkpoint.latest)
                log(f"Wrote the checkpoint {checkpoint_file}: the same command goes on from there")
            raise
        training_s = perf_counter() - start
    return {
        "commit": commit,
        "status": "completed" if outcome.diverged_epoch is None else "diverged",
        **asdict(outcome),
        "training_s": training_s,
        "environment": {
            "device_asked": args.device,
            "device": device.type,
            "device_name": name,
            "gpu": card,
            "precision_asked": args.precision,
            "precision": precision,
            "threads": args.threads,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def main(args: argparse.Namespace) -> None:
    for number in SIGNALS:
        signal.signal(number, stop)
    run = Run(args.model, args.batch_size, args.learning_rate, args.dropout_rate, args.epochs, args.seed)
    manifest = read_manifest(args.data)
    key = run_key(run, manifest.content_hash)
    kept = args.records / f"{key}.json"
    checkpoint_file = args.records / "checkpoints" / f"{key}.safetensors"
    (args.records / "locks").mkdir(parents=True, exist_ok=True)
    # One writer a run: the operating system frees the lock when its process ends, however it ends.
    lock = FileLock(args.records / "locks" / f"{key}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log("Another job is training this run: waiting for its record")
        lock.acquire()
    with lock:
        try:
            published = publish(kept, args.metrics)
        except SweepError as error:
            log(f"The kept record is not used: {error}")
            published = False
        if published:
            log(f"Published from the kept record {kept}: nothing was trained")
        else:
            try:
                result = train_run(run, manifest, checkpoint_file, args)
            except (MemoryError, RuntimeError) as error:
                from sweep.hardware import is_out_of_memory

                if not is_out_of_memory(error):
                    raise
                raise SweepError(
                    f"{run.model} at batch size {run.batch_size} ran out of memory: run fewer jobs at once "
                    "(--resources mem_mb=…, on a GPU a smaller training.jobs_per_gpu), or take smaller "
                    f"models.{run.model}.batch_sizes ({error})"
                ) from None
            write_json(kept, make_record(run, manifest.content_hash, result))
            publish(kept, args.metrics)
        checkpoint_file.unlink(missing_ok=True)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--dropout-rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--records", type=Path, required=True, help="the folder of kept records")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], required=True)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], required=True)
    parser.add_argument("--gpus", type=int, required=True, help="GPUs that the job was allotted")
    parser.add_argument("--jobs-per-gpu", type=int, required=True, help="trainings that may share a GPU")
    parser.add_argument("--threads", type=int, required=True, help="CPU threads")
    parser.add_argument("--checkpoint-interval-s", type=float, default=30, help="seconds between checkpoints at least")
    parser.add_argument("--metrics", type=Path, required=True, help="the metrics.json to write")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
