# What is checked before the first job and after a failure; no rules.
import shutil

from filelock import FileLock, Timeout

from sweep.files import is_locked

# The operating system frees this lock when the process ends, even by a crash, which Snakemake's own lock outlives.
SWEEP_LOCK = FileLock(RESULTS / "sweep.lock")


def hold_sweep():
    """Check before the first job that nobody else runs this sweep, and that its folders can be written to."""
    for folder in (RESULTS, RECORDS / "locks", REPORT):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            raise WorkflowError(f"{folder} cannot be written: make it writable for you, or choose another experiment")
    try:
        SWEEP_LOCK.acquire(blocking=False)
    except Timeout:
        raise WorkflowError(
            f"{RESULTS} is being made by a Snakemake that still runs: wait for its end, or stop it by Ctrl-C"
        ) from None
    if running := sum(is_locked(lock) for lock in (RECORDS / "locks").glob("*.lock")):
        print(
            f"{running} trainings of an earlier start, or of another experiment, are still running: a job of the same"
            " run waits for its record",
            file=sys.stderr,
        )


def name_full_disk():
    """Say that the disk is full: a job that finds it so cannot write that to its log."""
    if shutil.disk_usage(RESULTS).free < 2**20:
        print(f"Error: no space is left on the disk of {RESULTS}: free some and run the same command", file=sys.stderr)


onstart:
    hold_sweep()


onerror:
    name_full_disk()
