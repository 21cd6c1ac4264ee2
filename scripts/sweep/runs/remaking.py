"""Training runs again on purpose whose weights were not kept: the old record waits aside until there is a new one."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.runs.records import Record, read_record, weights_file
from sweep.runs.state import RunState
from sweep.runs.weights import describe_damage

logger = logging.getLogger(__name__)

# How many changed metrics a log names.
LISTED = 5
# Of the files of weights so many bytes are read to see whether they are intact; of the others only the first lines.
CHECKED_BYTES = 2 * 10**9


@dataclass
class KeptWeights:
    """What there is of weights beside the records of finished runs. A run that diverged in its first epoch has none."""

    files: int = 0  # how many are there
    size: int = 0  # their bytes
    checked: int = 0  # those of these bytes that were read
    missing: list[RunState] = field(default_factory=list)
    damaged: list[RunState] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # what is wrong with each damaged one, with its file


def inspect_weights(states: Iterable[RunState]) -> KeptWeights:
    """Look at the weights of the finished ones of these runs, without torch."""
    found = KeptWeights()
    for state in states:
        record = state.kept_record or state.record
        if not state.finished or record is None or record["best"] is None:
            continue
        file = weights_file(state.kept)
        try:
            size = file.stat().st_size
            whole = found.checked + size <= CHECKED_BYTES
            fault = describe_damage(file, record["content_hash"], whole)
        except FileNotFoundError:
            found.missing.append(state)
            continue
        found.files += 1
        found.size += size
        found.checked += size * whole
        if fault:
            found.damaged.append(state)
            found.faults.append(fault)
    return found


def old_file(kept: Path) -> Path:
    """Where the kept record <series>/<epochs>.json waits until the run is trained again."""
    return kept.with_suffix(".json.old")


def set_aside(kept: Path, published: Path) -> None:
    """Put a run's kept record aside and remove the published one, so that the next run of the sweep trains it again."""
    if kept.exists():
        kept.replace(old_file(kept))
    published.unlink(missing_ok=True)


def compare_with_old(kept: Path, record: Record) -> None:
    """If a record was set aside for this new one, remove it, and say in the log whether a metric changed."""
    old = old_file(kept)
    if not old.exists():
        return
    try:
        before = dict(_metrics(read_record(old)))
    except SweepError as error:
        logger.info(f"The record that this one replaces cannot be compared: {error}")
    else:
        after = dict(_metrics(record))
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if changed:
            shown = ", ".join(f"{name} {before.get(name)} → {after.get(name)}" for name in changed[:LISTED])
            more = f" and {len(changed) - LISTED} more" if len(changed) > LISTED else ""
            logger.info(f"{len(changed)} metrics differ from those of the record that this one replaces: {shown}{more}")
        else:
            logger.info("Every metric is that of the record that this one replaces")
    old.unlink()


def _metrics(record: Record) -> Iterator[tuple[str, Any]]:
    """A record's metrics by name, those that people look at first, without its times."""
    for part in ("last", "best"):
        yield from ((f"{part}.{name}", value) for name, value in (record[part] or {}).items() if name != "seconds")
    yield "diverged_epoch", record["diverged_epoch"]
    for name, column in record["history"].items():
        if name != "seconds":
            yield from ((f"history.{name}[{epoch}]", value) for epoch, value in enumerate(column))
