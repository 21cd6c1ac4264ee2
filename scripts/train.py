"""Train one run and write its metrics.json, or publish the record that is kept of it."""

import argparse
import platform
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


def log(line: str) -> None:
    """A line of the job's log, at once."""
    print(line, flush=True)


def git_commit() -> str | None:
    """The commit of the code, with -dirty if tracked files differ from it; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def train_run(run: Run, data: Path, manifest: Manifest, args: argparse.Namespace) -> dict[str, Any]:
    """Train, and return what the record says beside the run's parameters and hashes."""
    commit = git_commit()  # now, not after hours of training
    # Here, so that publishing a kept record takes milliseconds.
    import torch

    from sweep import hardware
    from sweep.training.loop import Split, train

    device = hardware.choose_device(args.device, args.gpus, log)
    precision = hardware.choose_precision(args.precision, device)
    hardware.set_up(device, args.threads)
    log(f"Training {run.path} on {hardware.device_name(device)} ({device}, {precision}, {args.threads} CPU threads)")
    tensors = map_prepared(data, manifest)
    splits = {
        split: Split(tensors[f"{split}_images"].to(device), tensors[f"{split}_labels"].to(device))
        for split in ("train", "validation", "test")
    }
    start = perf_counter()
    outcome = train(run, splits, len(manifest.class_names), precision, log)
    return {
        "commit": commit,
        "status": "completed" if outcome.diverged_epoch is None else "diverged",
        **asdict(outcome),
        "training_s": perf_counter() - start,
        "environment": {
            "device_asked": args.device,
            "device": device.type,
            "device_name": hardware.device_name(device),
            "precision_asked": args.precision,
            "precision": precision,
            "threads": args.threads,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def main(args: argparse.Namespace) -> None:
    run = Run(args.model, args.batch_size, args.learning_rate, args.dropout_rate, args.epochs, args.seed)
    manifest = read_manifest(args.data)
    key = run_key(run, manifest.content_hash)
    kept = args.records / f"{key}.json"
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
            return
        write_json(kept, make_record(run, manifest.content_hash, train_run(run, args.data, manifest, args)))
        publish(kept, args.metrics)


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
    parser.add_argument("--threads", type=int, required=True, help="CPU threads")
    parser.add_argument("--metrics", type=Path, required=True, help="the metrics.json to write")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
