"""The records of a grid: all of them, or those that an unfinished sweep has so far."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sweep.errors import SweepError
from sweep.grid import Grid, Partial, Run
from sweep.runs.promotions import list_rungs
from sweep.runs.records import Record, recorded_run
from sweep.runs.state import RunState, inspect_records, mend_command


def collect(
    grid: Grid, runs: Iterable[Run], folder: Path, kept_folder: Path, data_hash: str
) -> tuple[list[Run], list[Record]]:
    """These runs of a grid, and the record of each from its folder below `folder`, which `Grid.path` names.

    Raises:
        SweepError: a record is missing, damaged or stale, or a kept record is damaged; the sentences name each file and
            the command that rebuilds them.
    """
    found = list(runs)
    states = [inspect_records(run, folder / grid.path(run) / "metrics.json", kept_folder, data_hash) for run in found]
    check_all(states)
    return found, [state.record for state in states if state.record is not None]


def collect_partial(
    grid: Grid, folder: Path, kept_folder: Path, data_hash: str, promotions: Path
) -> tuple[list[Run], list[Record], Grid]:
    """As `collect`, for the runs of a grid that have a record, a stale one included: such a run is as its record says.

    Of a configuration of a model that is halved, they are those that `take_longest` takes of the rungs that its
    promotions have it in, and never of another number of epochs. The grid is reduced to the models of these runs, and
    its `partial` says what is missing, damaged or stale.

    Raises:
        SweepError: no run has a record.
    """
    states = []
    for rung in list_rungs(grid, promotions):
        for run in rung.runs or []:
            state = inspect_records(run, folder / grid.path(run) / "metrics.json", kept_folder, data_hash)
            if rung.before and (state.record is None or state.record["epochs"] != run.epochs):
                continue
            states.append(state)
    usable, shown = take_usable(take_longest(states, len(grid.seeds)), grid)
    if not usable:
        raise SweepError(f"no run of this sweep is finished: there is nothing in {folder} to show yet")
    records = [state.record for state in usable if state.record is not None]
    return [recorded_run(record) for record in records], records, shown


def take_longest(states: Iterable[RunState], seeds: int) -> list[RunState]:
    """Of each configuration the runs of the most epochs that as many seeds have a record of; of one that has none such,
    those of the fewest epochs. The order is that of the configurations' first runs."""
    found: dict[tuple[str, str], dict[int, list[RunState]]] = {}
    for state in states:
        found.setdefault((state.run.model, state.run.name), {}).setdefault(state.run.epochs, []).append(state)
    longest = []
    for by_epochs in found.values():
        whole = [
            epochs for epochs, runs in by_epochs.items() if sum(state.record is not None for state in runs) == seeds
        ]
        longest += by_epochs[max(whole, default=min(by_epochs))]
    return longest


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
        stale=[{"run": str(grid.path(state.run)), "differs": state.differs} for state in usable if state.differs],
        left_out=[model for model in grid.models if model not in shown],
    )
    models = {model: space for model, space in grid.models.items() if model in shown}
    return usable, replace(grid, models=models, partial=account)
