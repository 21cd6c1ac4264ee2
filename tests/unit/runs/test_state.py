"""What a job's log tells of a training that is not finished."""

from pathlib import Path

import pytest

from sweep.runs.state import read_progress

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
def test_a_failure_is_told_from_an_interruption(tmp_path: Path, text: str, epochs: int, error: str) -> None:
    log = tmp_path / "seed0.log"
    log.write_text(text)
    progress = read_progress(log)
    assert (progress.epochs, progress.error) == (epochs, error)
