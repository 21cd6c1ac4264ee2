"""A record that was set aside is compared with the one that replaces it, and only then goes."""

import logging
from pathlib import Path

import pytest

from examples import record
from sweep.files import write_json
from sweep.grid import Run
from sweep.runs.remaking import compare_with_old, set_aside

RUN = Run("mlp", 8, 0.001, 0.5, 2, 0)
BEFORE = record(RUN, [2.0, 1.5], [0.4, 0.5])


@pytest.fixture
def kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    caplog.set_level(logging.INFO)
    file = tmp_path / "series" / "2.json"
    write_json(file, BEFORE)
    write_json(tmp_path / "metrics.json", BEFORE)
    set_aside(file, tmp_path / "metrics.json")
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == ["2.json.old"]
    return file


def test_the_log_says_which_metrics_changed_and_times_are_none(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    compare_with_old(kept, {**BEFORE, "training_s": 1e9})
    assert caplog.messages == ["Every metric is that of the record that this one replaces"]
    assert list(kept.parent.iterdir()) == []
    compare_with_old(kept, BEFORE)
    assert len(caplog.messages) == 1


def test_changed_metrics_are_named(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    compare_with_old(kept, record(RUN, [2.0, 1.25], [0.4, 0.5]))
    (message,) = caplog.messages
    assert "metrics differ from those of the record that this one replaces: " in message
    assert ", last.val_loss 1.5 → 1.25, " in message
    assert message.endswith(" and 1 more")
    assert "val_acc" not in message


def test_a_damaged_old_record_is_said_and_goes(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept.with_suffix(".json.old").write_text("{")
    compare_with_old(kept, BEFORE)
    assert "cannot be compared" in caplog.text
    assert list(kept.parent.iterdir()) == []
