"""Training runs again on purpose whose weights were not kept: the old record waits aside until there is a new one."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.files import remove_file
from sweep.runs.records import Record, read_record, weights_file

logger = logging.getLogger(__name__)

# How many changed metrics a log names.
LISTED = 5


def old_file(kept: Path) -> Path:
    """Where the kept record <series>/<epochs>.json waits until the run is trained again."""
    return kept.with_suffix(".json.old")


def set_aside(kept: Path, published: Path) -> None:
    """Remove what there is of a run's weights, put its kept record aside and remove the published one, so that the next
    run of the sweep trains it again. Raises SweepError if a file cannot be moved or removed."""
    remove_file(weights_file(kept))
    if kept.exists():
        try:
            kept.replace(old_file(kept))
        except OSError as error:
            advice = "make its folder writable for you"
            raise SweepError(f"{kept} cannot be put aside ({error.strerror}): {advice}") from None
    remove_file(published)


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
