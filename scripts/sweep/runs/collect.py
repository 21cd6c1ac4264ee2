"""The records of a grid: all of them, or those that an unfinished sweep has so far."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweep.errors import SweepError
from sweep.grid import Grid, Partial, Run
from sweep.runs.records import Record, recorded_run
from sweep.runs.state import RunState, inspect_records, mend_command


def collect(
    grid: Grid, folder: Path, kept_folder: Path, data_hash: str, partial: bool = False
) -> tuple[list[Run], list[Record], Grid]:
    """The runs of a grid, the record of each from <folder>/<model>/<configuration>/seed<k>/metrics.json, and the grid.

    With `partial` only runs that have a record are returned, a stale one included: such a run is as its record says.
    The grid is then reduced to the models of these runs, and its `partial` says what is missing, damaged or stale.

    Raises:
        SweepError: not `partial`: a record is missing, damaged or stale, or a kept record is damaged; the sentences
            name each file and the command that rebuilds them. `partial`: no run has a record.
    """
    states = [inspect_records(run, folder, kept_folder, data_hash) for run in grid.runs()]
    if partial:
        states, grid = take_usable(states, grid)
        if not states:
            raise SweepError(f"no run of this sweep is finished: there is nothing in {folder} to show yet")
    else:
        check_all(states)
    records = [state.record for state in states if state.record is not None]
    return [recorded_run(record) for record in records], records, grid


def check_all(states: Sequence[RunState]) -> None:
    """Raises SweepError if a run has no record of its own or a kept record is damaged, as `collect` says."""
    sentences = [sentence for state in states for sentence in (state.fault, state.kept_fault) if sentence]
    if not sentences:
        return
    faults = sum(bool(state.fault) for state in states)
    what = f"{faults} of {len(states)} records are not those of this sweep" if faults else "kept records are damaged"
    raise SweepError(
        f"{what}:\n"
        + "\n".join(f"  {sentence}" for sentence in sentences)
        + "\nRebuild them: mend these files so and run the same command again: "
        + mend_command(states)
    )


def take_usable(states: Sequence[RunState], grid: Grid) -> tuple[list[RunState], Grid]:
    """The runs that have a record, and the grid of their models with an account of the other runs."""
    usable, damaged = [], []
    for state in states:
        # A record that was copied from another run's place would count twice.
        if state.record is not None and recorded_run(state.record).path == state.run.path:
            usable.append(state)
        elif state.state != "missing":
            damaged.append(state.fault)
    shown = {state.run.model for state in usable}
    account = Partial(
        runs=len(states),
        missing=sum(state.state == "missing" for state in states),
        damaged=damaged,
        stale=[{"run": str(state.run.path), "differs": state.differs} for state in usable if state.differs],
        left_out=[model for model in grid.models if model not in shown],
    )
    models = {model: space for model, space in grid.models.items() if model in shown}
    return usable, replace(grid, models=models, partial=account)
