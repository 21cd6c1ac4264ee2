"""Sweeps whose jobs are submitted to the SLURM cluster of cluster.sh, and what SLURM says of them."""

import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project import Outcome, Sweep

CLUSTER = Path(__file__).with_name("cluster.sh")
PROFILE = "workflow/profiles/slurm/config.yaml"
# The nodes' GPUs are counted but are not there: here, and for the tests alone, the jobs that hold them use the CPU.
CPU = {"training__device": "cpu"}
# Four runs of each model.
EIGHT: dict[str, Any] = {**CPU, "models__mlp__batch_sizes": [8], "seeds": [0, 1]}


@dataclass(frozen=True)
class Job:
    """A submitted job, as SLURM's accounting has it."""

    id: str
    state: str
    partition: str
    gpus: int
    mem_mb: int
    time_min: int
    node: str
    # The rule, or the group, and its wildcards as one word, which ends with the empty one of a run that is no rung.
    work: str

    @property
    def trains(self) -> bool:
        return self.partition == "gpu"


class SlurmSweep(Sweep):
    """A sweep whose jobs are submitted to SLURM."""

    executor: tuple[str, ...] = (
        "--workflow-profile",
        str(Path(PROFILE).parent),
        # Just above what a job of the tests takes, and less patience with the file system than on a real cluster.
        "--slurm-init-seconds-before-status-checks",
        "8",
        "--latency-wait",
        "10",
    )

    def call_snakemake(self, *arguments: str) -> Outcome:
        """Call Snakemake as a user does, in a new process."""
        return self.run(shlex.join([sys.executable, "-m", "snakemake", *arguments]))

    def prepare(self) -> None:
        """Prepare the data here, to save a submission."""
        subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "1", "--until", "prepare_data"],
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
        )

    def note_trainings(self) -> None:
        """Let each MLP training write its run to a file as it starts, and fail if the file `broken` names its run."""
        self.edit(
            "scripts/sweep/models/mlp.py",
            "        super().__init__(\n",
            "        import pathlib, sys\n"
            "        run = sys.argv[sys.argv.index('--metrics') + 1].split('/runs/')[1].removesuffix('/metrics.json')\n"
            "        with open('trainings', 'a') as file:\n"
            "            file.write(run + '\\n')\n"
            "        broken = pathlib.Path('broken')\n"
            "        assert not broken.exists() or broken.read_text() != run, 'broken on purpose'\n"
            "        super().__init__(\n",
        )

    def trainings(self) -> Counter[str]:
        """How many times each run began to train, with `note_trainings`."""
        return Counter((self.folder / "trainings").read_text().splitlines())

    def finished(self) -> set[str]:
        """The runs that have their metrics.json."""
        folder = self.results / "runs"
        return {str(file.parent.relative_to(folder)) for file in folder.glob("**/metrics.json")}

    def deep_in(self, run: str) -> bool:
        """Whether a run has trained for some epochs."""
        log = self.results / "logs" / "train" / f"{run}.log"
        return log.exists() and "epoch 20:" in log.read_text()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *self.executor, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C works in it although it runs in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def submitted(self) -> list[Job]:
        """Every job that this sweep has submitted, in their order."""
        fields = "JobIDRaw,State,Partition,ReqTRES,TimelimitRaw,NodeList,Comment,WorkDir"
        command = ["sacct", "-X", "-n", "-P", "-D", "--starttime", "now-1hour", "--format", fields]
        jobs = {}
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            number, state, partition, asked, minutes, node, work, folder = line.split("|")
            tres = dict(item.split("=") for item in asked.split(","))
            mem_mb = (
                int(tres["mem"].removesuffix("M")) if "M" in tres["mem"] else int(tres["mem"].removesuffix("G")) * 1024
            )
            if Path(folder) == self.folder:
                gpus = int(tres.get("gres/gpu", 0))
                jobs[number] = Job(number, state, partition, gpus, mem_mb, int(minutes), node, work)
        return list(jobs.values())

    def running(self) -> dict[str, str]:
        """The node of each running job of this sweep that trains, by the job's number."""
        command = ["squeue", "--noheader", "--states", "running", "--partition", "gpu", "--format", "%A|%N|%Z"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return {
            number: node for number, node, folder in (line.split("|") for line in lines) if Path(folder) == self.folder
        }

    def kept_records(self) -> dict[str, bytes]:
        """The kept records: a training that is repeated writes another number of seconds."""
        return {file.parent.name: file.read_bytes() for file in self.records.glob("*/*.json")}


def wait_until(what: Callable[[], object], seconds: float = 300) -> None:
    """Wait until a condition holds; the test fails if it never does."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it was not so after {seconds} s"
        time.sleep(0.1)


def end(process: subprocess.Popen[str], succeeds: bool = True) -> Outcome:
    """Wait until Snakemake ends."""
    output = process.communicate(timeout=300)[0]
    assert (process.returncode == 0) == succeeds, output
    return Outcome(process.returncode, output)


def node(verb: str, name: str) -> None:
    """Let a node fail, or recover."""
    subprocess.run([CLUSTER, verb, name], check=True, capture_output=True)
