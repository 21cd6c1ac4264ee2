"""Have runs without weights trained again: see `remake`."""

import math
from pathlib import Path

from sweep import program
from sweep.config import read_config
from sweep.errors import SweepError
from sweep.layout import Layout
from sweep.runs.locks import is_locked, take_lock
from sweep.runs.promotions import known_runs, list_rungs
from sweep.runs.records import lock_file
from sweep.runs.remaking import set_aside
from sweep.runs.state import inspect_data, inspect_run
from sweep.runs.weights import inspect_weights


def remake(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Have the next run of the sweep train again, on purpose, the finished runs whose weights are missing or damaged.

    Nothing is trained here. The record of each such run is put aside; the next run trains it, writes record and weights
    together, says in the run's log whether a metric changed, and then removes the old record. --configfile is on top of
    config.yaml, as Snakemake's.
    """
    layout = Layout(read_config(configfile))
    if layout.settings["training"]["keep"] == "nothing":
        raise SweepError(
            "config: training.keep is nothing, so a new training would keep no weights either; set another"
        )
    lock = take_lock(layout.results / "sweep.lock")
    if lock is None:
        raise SweepError(f"{layout.results} is being made by a Snakemake that still runs: wait for its end")
    try:
        data_hash, _ = inspect_data(layout)
        runs = known_runs(layout, list_rungs(layout.grid, layout.promotions))
        found = inspect_weights([inspect_run(layout, run, data_hash) for run in runs], checked_bytes=math.inf)
        wanted = [*found.missing, *found.damaged]
        again = [state for state in wanted if not is_locked(lock_file(state.kept))]
        for state in again:
            set_aside(state.kept, state.published)
    finally:
        lock.release()
    if again:
        print(f"The next run trains {len(again)} runs again, as `make plan` shows:")
        print(program.wrapped(str(layout.grid.path(state.run)) for state in again))
    elif not wanted:
        print("Every finished run has its weights: there is nothing to make again")
    if locked := len(wanted) - len(again):
        print(f"{locked} more runs are left alone, since their series are being trained: try again when that is over")
    print(*map(program.printable, found.faults), sep="\n", end="\n" if found.faults else "")


if __name__ == "__main__":
    program.run(remake)
