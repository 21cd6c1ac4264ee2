"""However a training or Snakemake ends, nothing finished is lost and the numbers are those of an undisturbed sweep."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project import CNN_RUNS, REPOSITORY, RUN, Sweep, numbers, program

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


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def checkpoints(sweep: Sweep) -> list[Path]:
    return list(sweep.records.glob("checkpoints/*.safetensors"))


def train_undisturbed(sweep: Sweep, folder: Path, **options: Any) -> dict[str, Any]:
    """The numbers of a training that nothing interrupts, made in a folder of its own."""
    job = sweep.start_job(**options, metrics=folder / "metrics.json", records=folder)
    output = job.communicate()[0]
    assert job.returncode == 0, output
    return numbers(folder / "metrics.json")


@pytest.fixture(scope="module")
def undisturbed(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The numbers of RUN with LONG epochs."""
    return train_undisturbed(Sweep(finished_once), tmp_path_factory.mktemp("undisturbed"), epochs=LONG)


def test_a_training_killed_again_and_again_ends_with_the_same_numbers(finished: Sweep, tmp_path: Path) -> None:
    options = {"model": "cnn", "epochs": 60}
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_training_repeats_the_interrupted_epoch_only(
    finished: Sweep, undisturbed: dict[str, Any], number: signal.Signals
) -> None:
    finished.forget()
    metrics = finished.folder / "metrics.json"
    job = finished.start_job(epochs=LONG, metrics=metrics)
    said = read_epochs(job, 20)
    assert checkpoints(finished) == []  # a short run writes none
    job.send_signal(number)
    job.send_signal(number)  # the impatient
    output = job.communicate()[0]
    said += output.count("epoch ")
    assert job.returncode == 128 + number
    assert f"Interrupted by {number.name}" in output
    assert "Wrote the checkpoint" in output
    assert "Traceback" not in output
    assert not metrics.exists()
    output = finished.start_job(epochs=LONG, metrics=metrics).communicate()[0]
    first = int(output.split("epoch ")[1].split(":")[0])
    assert first in (said + 1, said + 2)  # an epoch is kept before it is said
    assert numbers(metrics) == undisturbed


def test_an_interrupted_job_that_has_nothing_to_keep_keeps_nothing(finished: Sweep) -> None:
    finished.forget()
    holder = finished.start_job(epochs=100_000)
    read_epochs(holder, 1)
    waiting = finished.start_job(epochs=100_000)
    assert waiting.stdout is not None
    assert "waiting" in waiting.stdout.readline()
    waiting.terminate()
    assert waiting.communicate()[0] == "Interrupted by SIGTERM\n"
    assert waiting.returncode == 128 + signal.SIGTERM
    assert checkpoints(finished) == []
    holder.kill()
    holder.communicate()


def test_a_damaged_checkpoint_is_named_and_ignored(finished: Sweep, undisturbed: dict[str, Any]) -> None:
    """The unit tests have every kind of damage."""
    finished.forget()
    metrics = finished.folder / "metrics.json"
    job = finished.start_job(epochs=LONG, metrics=metrics)
    read_epochs(job, 5)
    job.terminate()
    job.communicate()
    file = checkpoints(finished)[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    output = finished.start_job(epochs=LONG, metrics=metrics).communicate()[0]
    assert f"The checkpoint {file} is damaged: it is not used, training starts anew" in output
    assert "epoch 0:" in output
    assert numbers(metrics) == undisturbed


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


def test_a_killed_snakemake_leaves_its_trainings_to_the_next_start(long: Sweep) -> None:
    first = Made(long)
    wait_for(lambda: "epoch 20:" in log(long))
    first.sends(signal.SIGKILL, "snakemake --cores")
    first.process.wait(timeout=60)
    assert first.process.returncode != 0
    first.sends(signal.SIGSTOP, "train.py")  # it lives on, and is not done before the next start
    second = Made(long)
    wait_for(lambda: "waiting for it" in log(long))
    first.sends(signal.SIGCONT, "train.py")
    assert "1 trainings of an earlier start" in second.ends(0)
    assert "nothing was trained" in log(long)
    assert numbers(long.results / "runs" / RUN / "metrics.json")["epochs"] == LONG


def test_plain_snakemake_goes_on_after_a_kill_as_the_readme_says(long: Sweep) -> None:
    del long.environment["SNAKEMAKE_PROFILE"]  # to the report
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
    assert "| [`8_0.001_0.5`](" in long.report.read_text()


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS"])
def test_a_file_system_without_locks_is_a_sentence_before_the_first_job(finished: Sweep, answer: str) -> None:
    (finished.folder / "sitecustomize.py").write_text(
        f"import errno, fcntl\ndef flock(*_):\n    raise OSError(errno.{answer}, 'no locks')\nfcntl.flock = flock\n"
    )
    finished.environment["PYTHONPATH"] = str(finished.folder)
    shutil.rmtree(finished.results / "runs")
    output = finished.snakemake(succeeds=False).output
    assert "results/tiny is on a file system that has no file locks (no locks): put it on one that has" in output
    assert "Traceback" not in output
    assert "rule train" not in output
    assert "missing: its record is kept" in program(finished, "status")


def test_two_at_once_are_one_and_a_sentence(long: Sweep) -> None:
    first = Made(long)
    wait_for(lambda: "epoch 0:" in log(long))
    first.sends(signal.SIGSTOP, "train.py")
    output = Made(long).ends(2)
    assert "results/tiny is being made by a Snakemake that still runs: wait for its end, or stop it" in output
    first.sends(signal.SIGCONT, "train.py")
    first.ends(0)
    assert "epoch 0:" in log(long)


def test_a_run_that_runs_out_of_memory_fails_alone_with_a_sentence(finished: Sweep) -> None:
    (finished.results / "runs" / RUN / "metrics.json").unlink()
    memory = "super().__init__()\n        torch.empty(2**50)\n"
    finished.edit("scripts/sweep/models/cnn.py", "super().__init__()\n", memory)
    outcome = finished.snakemake("--keep-going", "--until", "train", succeeds=False)
    assert outcome.output.count("Error in rule train") == 2
    for run in CNN_RUNS:
        text = (finished.results / "logs" / "train" / f"{run}.log").read_text()
        assert "Error: cnn at batch size 8 ran out of memory: run fewer jobs at once (--resources mem_mb=" in text
        assert "or take smaller models.cnn.batch_sizes" in text
        assert "Traceback" not in text
    assert (finished.results / "runs" / RUN / "metrics.json").exists()


def test_a_run_that_the_system_kills_leaves_a_sentence(finished: Sweep) -> None:
    """As it does where memory runs out: by SIGKILL."""
    killed = "super().__init__()\n        import os\n        os.kill(os.getpid(), 9)\n"
    finished.edit("scripts/sweep/models/cnn.py", "super().__init__()\n", killed)
    finished.snakemake("--keep-going", "--until", "train", succeeds=False)
    for run in CNN_RUNS:
        text = (finished.results / "logs" / "train" / f"{run}.log").read_text()
        assert "Error: the job was killed (SIGKILL), as the system does where memory runs out: run fewer jobs" in text
        assert "or take smaller models.cnn.batch_sizes than 8\n" in text
