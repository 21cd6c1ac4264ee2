# What is checked before the first job and after a failure; no rules.
import shutil

from sweep.files import make_folder
from sweep.runs.locks import is_locked, take_lock


def hold_sweep():
    """Check before the first job that nobody else runs this sweep, that its folders can be written to, and that files
    in them can be locked."""
    global sweep_lock
    locks = RECORDS / "locks"
    for folder in (RESULTS, RECORDS, locks, REPORT):
        try:
            make_folder(folder)
            writable = os.access(folder, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise WorkflowError(f"{folder} cannot be written: make it writable for you, or choose another experiment")
    try:
        # The operating system frees this lock when the process ends, even by a crash, which Snakemake's own outlives.
        sweep_lock = take_lock(RESULTS / "sweep.lock")
        # The records may be on another file system, by a link: try a lock there, which any start may hold just now.
        if (lock := take_lock(locks / "start")) is not None:
            lock.release()
    except SweepError as error:
        refuse(error)
    if sweep_lock is None:
        raise WorkflowError(
            f"{RESULTS} is being made by a Snakemake that still runs: wait for its end, or stop it by Ctrl-C"
        )
    if running := sum(map(is_locked, locks.glob("*.lock"))):
        print(
            f"{running} trainings of an earlier start, or of another experiment, are still running: a job of the same"
            " run waits for its record",
            file=sys.stderr,
        )


def name_idle_gpus():
    """Say that trainings ask for a GPU, as a profile has them do, that training.device leaves idle."""
    if settings["training"]["device"] == "cpu" and HAS_GPU:
        print(
            "training.device is cpu, but the profile asks for a GPU for each training, which will idle: "
            "take gpu, gres and the GPU partition out of set-resources: train",
            file=sys.stderr,
        )


def name_full_disk():
    """Say that the disk is full: a job that finds it so cannot write that to its log."""
    if shutil.disk_usage(RESULTS).free < 2**20:
        print(f"Error: no space is left on the disk of {RESULTS}: free some and run the same command", file=sys.stderr)


onstart:
    hold_sweep()
    name_idle_gpus()


onerror:
    name_full_disk()
