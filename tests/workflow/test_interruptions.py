"""However a training or Snakemake ends, nothing finished is lost and the numbers are those of an undisturbed sweep."""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from project import CNN_RUNS, REPOSITORY, RUN, Sweep, numbers, program, wait_for

LONG = 200  # epochs: seconds


def read_epochs(job: subprocess.Popen[str], count: int) -> int:
    """Read a job's log until `count` epochs were said; the number of the last one."""
    assert job.stdout is not None
    for line in job.stdout:
        if line.startswith("epoch "):
            count -= 1
            if count == 0:
                return int(line.split()[1].rstrip(":"))
    raise AssertionError("the job ended before")


def checkpoints(sweep: Sweep) -> list[Path]:
    return list(sweep.records.glob("checkpoints/*.safetensors"))


@pytest.fixture(scope="session")
def undisturbed(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The numbers of RUN with LONG epochs."""
    return train_undisturbed(Sweep(finished_once), tmp_path_factory.mktemp("undisturbed"), epochs=LONG)


def train_undisturbed(sweep: Sweep, folder: Path, **options: Any) -> dict[str, Any]:
    """The numbers of a training that nothing interrupts, made in a folder of its own."""
    job = sweep.start_job(**options, metrics=folder / "metrics.json", records=folder)
    output = job.communicate()[0]
    assert job.returncode == 0, output
    return numbers(folder / "metrics.json")


def test_a_training_killed_again_and_again_ends_with_the_same_numbers(finished: Sweep, tmp_path: Path) -> None:
    options = {"model": "cnn", "epochs": 25}
    dice = random.Random()  # noqa: S311
    finished.forget()
    for attempt in range(3):
        job = finished.start_job(**options, checkpoint_interval_s=0)
        assert job.stdout is not None
        first = next(line for line in job.stdout if line.startswith(("epoch ", "Going on ")))
        assert first.startswith("Going on from the checkpoint ") == (attempt > 0)
        read_epochs(job, dice.randint(1, 6))
        time.sleep(dice.random() / 50)
        job.kill()
        job.communicate()
        assert len(checkpoints(finished)) == 1
    metrics = finished.folder / "metrics.json"
    job = finished.start_job(**options, metrics=metrics)
    assert "epoch 0:" not in job.communicate()[0]
    assert numbers(metrics) == train_undisturbed(finished, tmp_path / "undisturbed", **options)
    assert checkpoints(finished) == []


def test_an_interrupted_training_repeats_the_interrupted_epoch_only(
    finished: Sweep, undisturbed: dict[str, Any]
) -> None:
    finished.forget()
    metrics = finished.folder / "metrics.json"
    kept = -1  # the last epoch that is in the checkpoint
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        job = finished.start_job(epochs=LONG, metrics=metrics)
        first = read_epochs(job, 1)
        assert kept + 1 <= first <= kept + 2  # an epoch is kept before it is said
        last = read_epochs(job, 10)
        job.send_signal(number)
        job.send_signal(number)  # the impatient
        output = job.communicate()[0]
        kept = last + output.count("epoch ")
        assert job.returncode == 128 + number
        assert f"Interrupted by {number.name}" in output
        assert "Wrote the checkpoint" in output
        assert "Traceback" not in output
        assert not metrics.exists()
        if number == signal.SIGTERM:
            # A damaged checkpoint is not used: the next job starts anew. The unit tests have every kind of damage.
            (file,) = checkpoints(finished)
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
            kept = -1
    output = finished.start_job(epochs=LONG, metrics=metrics).communicate()[0]
    assert int(output.split("epoch ")[1].split(":")[0]) in (kept + 1, kept + 2)
    assert numbers(metrics) == undisturbed


def test_jobs_that_wait_for_a_training_end_when_told_and_go_on_when_it_is_killed(
    finished: Sweep, tmp_path: Path
) -> None:
    finished.forget()
    with ExitStack() as started:

        def start() -> subprocess.Popen[str]:
            job = finished.start_job(epochs=100_000, metrics=tmp_path / "metrics.json")
            started.enter_context(job)
            started.callback(job.kill)  # whatever fails here, it must not train on
            return job

        holder = start()
        read_epochs(holder, 1)
        stopped, waiting = start(), start()
        for job in (stopped, waiting):
            assert job.stdout is not None
            assert "waiting" in job.stdout.readline()
        stopped.terminate()
        assert stopped.communicate()[0] == "Interrupted by SIGTERM\n"
        assert stopped.returncode == 128 + signal.SIGTERM
        assert checkpoints(finished) == []  # it had nothing to keep
        holder.kill()
        read_epochs(waiting, 1)
    assert not (tmp_path / "metrics.json").exists()
    assert list(finished.records.glob("*/*.json")) == []


class Made:
    """`make run` in the sweep's folder, in a process group of its own as in a terminal."""

    def __init__(self, sweep: Sweep) -> None:
        shutil.copy(REPOSITORY / "Makefile", sweep.folder)
        self.output = sweep.folder / f"make.{time.monotonic_ns()}.txt"
        # The packages are installed, here or elsewhere: make need not look after them.
        command = ["make", "-o", ".venv/requirements.txt", "run"]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=sweep.folder, env=sweep.environment, stdout=output, stderr=output, start_new_session=True
            )

    def sends(self, number: signal.Signals, command: str) -> None:
        """Send a signal to the processes below make whose command line has these words."""
        subprocess.run(["pkill", f"-{number}", "-g", str(self.process.pid), "-f", command], check=True)

    def ends(self, code: int) -> str:
        self.process.wait(timeout=300)
        text = self.output.read_text()
        assert self.process.returncode == code, text
        return text


@pytest.fixture
def long(finished: Sweep) -> Sweep:
    """A sweep with a run of some seconds before it, the others finished; its Snakemake stops after the trainings."""
    finished.configure(models__mlp__epochs=LONG, models__mlp__batch_sizes=[8], models__mlp__dropout_rates=[0.5])
    shutil.rmtree(finished.results / "logs")
    profile = finished.folder / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text("until: train\n")
    finished.environment["SNAKEMAKE_PROFILE"] = str(profile)
    return finished


def log(sweep: Sweep) -> str:
    file = sweep.results / "logs" / "train" / f"{RUN}.log"
    return file.read_text() if file.exists() else ""


def test_ctrl_c_and_the_same_command_again(long: Sweep, undisturbed: dict[str, Any]) -> None:
    first = Made(long)
    wait_for(lambda: "epoch 20:" in log(long))
    os.killpg(first.process.pid, signal.SIGINT)
    first.process.wait(timeout=60)
    assert first.process.returncode != 0
    assert len(checkpoints(long)) == 1
    Made(long).ends(0)
    assert "Going on from the checkpoint" in log(long)
    assert "epoch 20:" not in log(long)
    assert numbers(long.results / "runs" / RUN / "metrics.json") == undisturbed


def test_two_at_once_are_one_and_a_sentence_and_a_killed_one_leaves_its_trainings_to_the_next(long: Sweep) -> None:
    first = Made(long)
    wait_for(lambda: "epoch 20:" in log(long))
    first.sends(signal.SIGSTOP, "train.py")  # it is not done before the next starts
    output = Made(long).ends(2)
    assert "results/tiny is being made by a Snakemake that still runs: wait for its end, or stop it" in output
    first.sends(signal.SIGKILL, "snakemake --cores")
    first.process.wait(timeout=60)
    assert first.process.returncode != 0
    second = Made(long)
    wait_for(lambda: "waiting for it" in log(long))
    first.sends(signal.SIGCONT, "train.py")
    assert "1 trainings of an earlier start" in second.ends(0)
    assert "nothing was trained" in log(long)
    assert numbers(long.results / "runs" / RUN / "metrics.json")["epochs"] == LONG


def test_plain_snakemake_goes_on_after_a_kill_as_the_readme_says(long: Sweep) -> None:
    command = ["snakemake", "--cores", "2", "--resources", "gpu=1"]
    options: dict[str, Any] = {"cwd": long.folder, "env": long.environment}
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    wait_for(lambda: "epoch 20:" in log(long))
    first.kill()
    first.wait()
    assert subprocess.run(command, stderr=subprocess.DEVNULL, **options).returncode == 1  # its lock is still there
    subprocess.run(["snakemake", "--unlock"], check=True, **options)
    subprocess.run([*command, "--rerun-incomplete"], check=True, **options)
    assert "nothing was trained" in log(long)
    assert numbers(long.results / "runs" / RUN / "metrics.json")["epochs"] == LONG


def test_a_file_system_without_locks_is_a_sentence_before_the_first_job(finished: Sweep) -> None:
    (finished.folder / "sitecustomize.py").write_text(
        "import errno, fcntl\ndef flock(*_):\n    raise OSError(errno.ENOSYS, 'no locks')\nfcntl.flock = flock\n"
    )
    finished.environment["PYTHONPATH"] = str(finished.folder)
    shutil.rmtree(finished.results / "runs")
    refused = finished.run("snakemake --cores 2")
    assert refused.code == 1
    output = refused.output
    assert "results/tiny is on a file system that has no file locks (no locks): put it on one that has" in output
    assert "Traceback" not in output
    assert "rule train" not in output
    assert "missing: its record is kept" in program(finished, "status")


def test_runs_for_which_memory_runs_out_fail_with_a_sentence_and_the_others_finish(finished: Sweep) -> None:
    """For one PyTorch says it; the other one is killed by SIGKILL, as the system does."""
    (finished.results / "runs" / RUN / "metrics.json").unlink()
    failing, killed = sorted(CNN_RUNS)
    fault = "torch.empty(2**50) if dropout_rate == 0 else __import__('os').kill(__import__('os').getpid(), 9)"
    finished.edit("scripts/sweep/models/cnn.py", "super().__init__()\n", f"super().__init__()\n        {fault}\n")
    outcome = finished.snakemake("--keep-going", "--until", "train", succeeds=False)
    assert outcome.output.count("Error in rule train") == 2
    text = {run: (finished.results / "logs" / "train" / f"{run}.log").read_text() for run in CNN_RUNS}
    assert "Error: cnn at batch size 8 ran out of memory: run fewer jobs at once (--resources mem_mb=" in text[failing]
    assert "Error: the job was killed (SIGKILL), as the system does where memory runs out: run fewer" in text[killed]
    for run in CNN_RUNS:
        assert f"results/tiny/logs/train/{run}.log" in outcome.output
        assert "or take smaller models.cnn.batch_sizes" in text[run]
        assert "Traceback" not in text[run]
    assert text[killed].endswith("than 8\n")
    assert (finished.results / "runs" / RUN / "metrics.json").exists()
