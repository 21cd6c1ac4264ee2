"""Records of finished runs, and the hash over all that decides a run's numbers.

Runs that differ in their number of epochs alone are a *series*: up to the last epoch of the shorter one they are the
same, since neither the random numbers nor the rule for the learning rate know how many epochs are to come.

A record is in two places. The *kept* record, results/records/<series>/<epochs>.json, stays when the settings change: a
run that was trained once, in any experiment, is never trained again. The *published* record,
results/<experiment>/runs/<model>/<configuration>/seed<k>/metrics.json, is a copy of it for the experiment that asks for
the run: Snakemake tracks it, and the tables are made from it.
"""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from sweep.errors import SweepError
from sweep.files import canonical_hash, read_code
from sweep.grid import Run, Value, value_name
from sweep.runs.imports import imported_files

SCHEMA_VERSION = 2
RECORD_SCHEMA = Path(__file__).parents[3] / "workflow" / "schemas" / "metrics.schema.json"

Record = dict[str, Any]


@cache
def code_hash(model: str) -> str:
    """SHA-256 over the code that decides a run's numbers: the model's file, the training core, and the other files of
    scripts/ that the model imports, directly or through others. What a model reads otherwise, such as a file of
    weights, is not covered, nor are installed packages.

    Raises:
        SweepError: one of these files is missing or not Python.
    """
    library = Path(__file__).parents[1]
    core = set((library / "training").glob("*.py"))
    files = imported_files(library / "models" / f"{model}.py", library.parent, core) | core
    texts = {os.path.relpath(file, library): read_code(file) for file in files}
    return canonical_hash(texts)


@cache
def model_hash(model: str) -> str:
    """SHA-256 over the code that decides what a model computes of given weights: its file, and the other files of
    scripts/ that it imports, directly or through others. Raises SweepError as `code_hash`."""
    library = Path(__file__).parents[1]
    files = imported_files(library / "models" / f"{model}.py", library.parent, ())
    return canonical_hash({os.path.relpath(file, library): read_code(file) for file in files})


def parameters(run: Run) -> dict[str, Any]:
    """A run's entries in its record."""
    return {**asdict(run), "axes": dict(run.axes)}


def run_series(run: Run, data_hash: str) -> str:
    """SHA-256 over all that decides a run's numbers but its number of epochs: its other hyper-parameters, the data and
    the code."""
    decisive = {name: value for name, value in parameters(run).items() if name != "epochs"}
    return canonical_hash({"run": decisive, "data_hash": data_hash, "code_hash": code_hash(run.model)})


def kept_file(folder: Path, run: Run, data_hash: str) -> Path:
    """The kept record of a run on the data with this hash, below the folder of the kept records."""
    return folder / run_series(run, data_hash) / f"{run.epochs}.json"


def make_record(run: Run, data_hash: str, result: Mapping[str, Any]) -> Record:
    """Make a run's record as in metrics.schema.json: parameters, series, `result`, and a hash over all of these."""
    record = {
        "schema_version": SCHEMA_VERSION,
        **parameters(run),
        "series": run_series(run, data_hash),
        "data_hash": data_hash,
        "code_hash": code_hash(run.model),
        **result,
    }
    return {**record, "content_hash": canonical_hash(record)}


def recorded_run(record: Record) -> Run:
    """The run that a record was made for."""
    values = {field.name: record[field.name] for field in fields(Run)}
    return Run(**{**values, "axes": tuple(sorted(record["axes"].items()))})


@cache
def _validator() -> Any:
    return fastjsonschema.compile(json.loads(RECORD_SCHEMA.read_text(encoding="utf-8")))


def read_record(file: Path) -> Record:
    """Read a record. Raises SweepError, "<file> …", if it is missing, damaged or of another schema."""
    try:
        record: Record = json.loads(file.read_text(encoding="utf-8"))
        _validator()(record)
        content_hash = canonical_hash({name: value for name, value in record.items() if name != "content_hash"})
    except OSError as error:
        raise SweepError(f"{file} cannot be read ({error.strerror})") from None
    except fastjsonschema.JsonSchemaValueException as error:
        raise SweepError(f"{file} is damaged or of another schema ({error})") from None
    except (ValueError, RecursionError):
        raise SweepError(f"{file} is damaged (not JSON)") from None
    if content_hash != record["content_hash"]:
        raise SweepError(f"{file} is damaged (its content is not what its content_hash says)")
    return record


def find_differences(record: Record, run: Run, data_hash: str) -> list[str]:
    """How the run that a record was made for differs from `run` on these data with the code as it is now: "epochs 1,
    not 2", "another data_hash". Empty if it is the same."""
    pairs = [(name, record[name], value) for name, value in parameters(run).items() if name != "axes"]
    found, wanted = record["axes"], dict(run.axes)
    pairs += [(name, found.get(name), wanted.get(name)) for name in sorted({*found, *wanted})]
    differs = [f"{name} {_shown(old)}, not {_shown(new)}" for name, old, new in pairs if _differ(old, new)]
    hashes = {"data_hash": data_hash, "code_hash": code_hash(run.model)}
    return differs + [f"another {name}" for name, value in hashes.items() if record[name] != value]


def _differ(old: Value | None, new: Value | None) -> bool:
    """Whether two values are not the same. To Python 0, 0.0 and False are equal, but no run has one for another."""
    return old != new or type(old) is not type(new)


def _shown(value: Value | None) -> str:
    return "its default" if value is None else value_name(value)


def lock_file(kept: Path) -> Path:
    """The lock that a job holds while it makes the kept record <series>/<epochs>.json, or another of that series."""
    return kept.parents[1] / "locks" / f"{kept.parent.name}.lock"


def checkpoint_file(kept: Path) -> Path:
    """The checkpoint of the job that makes the kept record <series>/<epochs>.json."""
    return kept.parents[1] / "checkpoints" / f"{kept.parent.name}.safetensors"


def weights_file(kept: Path) -> Path:
    """The weights of the run with the kept record <series>/<epochs>.json: see sweep.runs.weights."""
    return kept.with_suffix(".safetensors")


def is_there(file: Path) -> bool:
    """Whether there is such a file, also if it cannot be read: reading it then says why."""
    try:
        file.stat()
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR)
    return True


def read_kept(kept: Path) -> Record | None:
    """Read a kept record, <series>/<epochs>.json; None if there is none. Raises SweepError if it is damaged, or is the
    record of another run."""
    if not is_there(kept):
        return None
    record = read_record(kept)
    if (record["series"], record["epochs"]) != (kept.parent.name, int(kept.stem)):
        raise SweepError(f"{kept} holds another record, of series {record['series']} and {record['epochs']} epochs")
    return record
