"""How far a run is, by its records and by its job's log."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples import DATA_HASH, record
from sweep.files import write_json
from sweep.grid import Run
from sweep.runs.state import RunState, inspect_records, mend_command, read_progress

RUN = Run("mlp", 8, 0.001, 0.2, 2, 0)
RECORD = record(RUN, [1.5, 1.25], [0.5, 0.6])


class Places:
    """The two places of RUN's record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.published = folder / RUN.path / "metrics.json"
        self.kept = folder / "records" / RECORD["series"] / "2.json"

    def inspect(self, data_hash: str | None = DATA_HASH) -> RunState:
        state = inspect_records(RUN, self.published, self.folder / "records", data_hash)
        assert (state.run, state.published) == (RUN, self.published)
        return state


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Both hold the record."""
    places = Places(tmp_path)
    write_json(places.published, RECORD)
    write_json(places.kept, RECORD)
    return places


def test_a_finished_run(places: Places) -> None:
    for data_hash in (DATA_HASH, None):
        state = places.inspect(data_hash)
        assert (state.state, state.detail, state.fault, state.differs) == ("done", "", "", [])
        assert (state.record, state.finished) == (RECORD, True)
        assert (state.kept, state.has_kept, state.kept_fault) == (places.kept, True, "")
    write_json(places.published, record(RUN, [1.5], [0.5], 1))
    assert (places.inspect().state, places.inspect().detail) == ("diverged", "in epoch 1")


def test_a_stale_run(places: Places) -> None:
    write_json(places.published, record(replace(RUN, epochs=3), [1.0] * 3, [0.5] * 3))
    state = places.inspect()
    assert (state.state, state.detail, state.differs) == ("stale", "made with epochs 3, not 2", ["epochs 3, not 2"])
    assert state.fault == f"{places.published} was made with epochs 3, not 2"
    assert state.record is not None
    assert places.inspect("e" * 64).differs == ["epochs 3, not 2", "another data_hash"]


def test_a_run_at_whose_place_is_a_record_of_other_axes_is_stale(places: Places) -> None:
    write_json(places.published, record(replace(RUN, axes=(("weight_decay", 0.0005),)), [1.0] * 2, [0.5] * 2))
    assert (places.inspect().state, places.inspect().detail) == (
        "stale",
        "made with weight_decay 0.0005, not its default",
    )


def test_a_kept_record_of_more_epochs_is_no_record_of_the_run(places: Places) -> None:
    places.published.unlink()
    places.kept.unlink()
    longer = record(replace(RUN, epochs=3), [1.0] * 3, [0.5] * 3)
    write_json(places.kept.with_name("3.json"), longer)
    assert (places.inspect().state, places.inspect().has_kept, places.inspect().kept_fault) == ("missing", False, "")
    write_json(places.kept, longer)
    sentence = f"{places.kept} holds another record, of series {RECORD['series']} and 3 epochs"
    assert (places.inspect().has_kept, places.inspect().kept_fault) == (False, sentence)


def test_a_missing_run_whose_record_is_kept_or_not(places: Places) -> None:
    places.published.unlink()
    state = places.inspect()
    assert (state.state, state.detail) == ("missing", "its record is kept: nothing will be trained")
    assert (state.record, state.has_kept, state.finished) == (None, True, False)
    places.kept.unlink()
    state = places.inspect()
    assert (state.state, state.detail, state.has_kept, state.kept_fault) == ("missing", "", False, "")
    assert (places.inspect(None).state, places.inspect(None).has_kept) == ("missing", False)


def test_damaged_records_and_the_commands_that_mend_them(places: Places) -> None:
    places.kept.write_text("{")
    state = places.inspect()
    assert (state.state, state.has_kept, state.kept_fault) == ("done", False, f"{places.kept} is damaged (not JSON)")
    assert mend_command([state]) == f"cp {places.published} {places.kept}"
    places.published.write_text("{")
    state = places.inspect()
    assert (state.state, state.detail) == ("damaged", f"{places.published} is damaged (not JSON)")
    assert mend_command([state]) == f"rm -f {places.published} {places.kept}"
    write_json(places.kept, RECORD)
    assert mend_command([places.inspect()]) == f"rm -f {places.published}"


TRACEBACK = 'Traceback (most recent call last):\n  File "train.py"\n'
EPOCHS = "epoch 0: training loss 1.0; 0.50 s\nepoch 1: training loss 0.9; 0.25 s\n"


@pytest.mark.parametrize(
    ("text", "epochs", "error"),
    [
        ("", 0, ""),
        (EPOCHS, 2, ""),
        (EPOCHS + "Interrupted by SIGINT\n", 2, ""),
        (TRACEBACK + "KeyboardInterrupt\n", 0, ""),  # Ctrl-C while the libraries were loaded
        (TRACEBACK + "ZeroDivisionError: division by zero\n", 0, "ZeroDivisionError: division by zero"),
        (EPOCHS + "Error: mlp at batch size 8 ran out of memory\n", 2, "Error: mlp at batch size 8 ran out of memory"),
    ],
)
def test_a_failure_is_distinguished_from_an_interruption(tmp_path: Path, text: str, epochs: int, error: str) -> None:
    log = tmp_path / "seed0.log"
    log.write_text(text)
    progress = read_progress(log)
    assert (progress.epochs, progress.error) == (epochs, error)
    assert progress.seconds == (0.5, 0.25)[:epochs]
