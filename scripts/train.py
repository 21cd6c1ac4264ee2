"""Train one run: see `train`."""

from pathlib import Path
from typing import Literal

from sweep import program
from sweep.grid import Run
from sweep.models import parse_axes
from sweep.runs.job import Machine, run_job


def train(
    model: str,
    batch_size: int,
    learning_rate: float,
    dropout_rate: float,
    seed: int,
    epochs: int,
    data: Path,
    records: Path,
    device: Literal["auto", "cpu", "cuda"],
    precision: Literal["auto", "fp32", "bf16"],
    gpus: int,
    jobs_per_gpu: int,
    threads: int,
    metrics: Path,
    keep: Literal["state", "weights", "nothing"] = "state",
    set_: list[str] = [],  # noqa: B006  it is not changed
    checkpoint_interval_s: float = 30,
) -> None:
    """Train one run and write its metrics.json, or publish the record that is kept of it.

    --data is the folder of the prepared data, --records that of the kept records, --metrics the file to write. --gpus
    is the number of GPUs that the job was allotted, --jobs-per-gpu how many trainings may share one, --threads the
    number of CPU threads. --keep says what is kept beside the record: the weights of the best and of the last epoch,
    with the answers to the validation and the test set, or, with state, all that training could go on from as well.
    --set gives further hyper-parameters of the model and the training, such as weight_decay=0.0005; the others are at
    their defaults. Between two checkpoints at least --checkpoint-interval-s seconds pass.
    """
    run = Run(model, batch_size, learning_rate, dropout_rate, epochs, seed, parse_axes(model, set_))
    machine = Machine(device, precision, gpus, jobs_per_gpu, threads)
    run_job(run, data, records, metrics, machine, keep, checkpoint_interval_s)


if __name__ == "__main__":
    program.run(train)
