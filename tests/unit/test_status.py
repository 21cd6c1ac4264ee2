"""How long a sweep still takes, by arithmetic."""

from dataclasses import replace
from pathlib import Path

from examples import DATA_HASH, save_kept, save_record
from status import time_left
from sweep.grid import Grid, Run, Space
from sweep.runs.hardware import foresee_arithmetic
from sweep.runs.promotions import Rung
from sweep.runs.state import Progress, RunState, inspect_records

TRAINING = {"device": "cpu", "precision": "fp32"}
RUN = Run("mlp", 8, 0.001, 0.2, 12, 0)


def test_runs_that_go_on_take_their_remaining_epochs_alone(tmp_path: Path) -> None:
    def state(seed: int) -> RunState:
        run = replace(RUN, seed=seed)
        return inspect_records(run, tmp_path / run.path / "metrics.json", tmp_path / "records", DATA_HASH)

    # 25 s in 12 epochs, as its record says.
    save_record(tmp_path, RUN, [0.5] * 12, [0.5] * 12)
    here = foresee_arithmetic(**TRAINING)
    for seed, made_with in ((1, here), (2, here), (3, here), (4, {**here, "torch": "2.13.0"})):
        save_kept(tmp_path / "records", replace(RUN, seed=seed, epochs=6), **made_with)
    # Of 12 epochs, 6, 6 and, as it is at its tenth, 2; those of another torch and without a state take all.
    running = replace(state(3), state="running", progress=Progress(epochs=10, of=12))
    states = [state(0), state(1), state(2), running, state(4), state(5)]
    assert time_left(states[:3], TRAINING) == "time: 25 s of training so far, 25 s left; nothing is training now"
    left = 25 * (0.5 + 0.5 + 2 / 12 + 1 + 1)
    assert f", {left:.0f} s left: {left:.0f} s with 1 at once as now" in time_left(states, TRAINING)
    # It has just started and has not said an epoch yet.
    states[3] = replace(running, progress=Progress())
    assert f", {25 * 3.5:.0f} s left" in time_left(states, TRAINING)


def test_runs_that_depend_on_results_to_come_are_expected_to_take_what_the_others_take(tmp_path: Path) -> None:
    """Six configurations for 2 epochs, then the best half of them for 12."""
    space = Space(epochs=12, batch_sizes=[8], learning_rates=[0.1, 0.2, 0.3], dropout_rates=[0.0, 0.1])
    grid = Grid({"mlp": space}, [0])
    states = []
    for run in grid.runs_of("mlp", 2):
        published = save_record(tmp_path, run, [0.5] * 2, [0.5] * 2)
        states.append(inspect_records(run, published, tmp_path / "records", DATA_HASH))
    rung = Rung("mlp", 12, 2, 3, None)
    # 5 s in 2 epochs, as its record says.
    text = time_left(states, TRAINING, [(rung, grid.runs_of("mlp", 12))])
    assert text == "time: 30 s of training so far, 75 s left; nothing is training now"
