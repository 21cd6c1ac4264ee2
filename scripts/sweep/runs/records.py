"""Records of finished runs, and the one key of what decides a run's numbers."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from sweep.errors import SweepError
from sweep.files import canonical_hash, write_json
from sweep.grid import Run

SCHEMA_VERSION = 1
SCHEMA_FILE = Path(__file__).parents[3] / "workflow" / "schemas" / "metrics.schema.json"

Record = dict[str, Any]


@cache
def code_hash(model: str) -> str:
    """SHA-256 over exactly the files that decide a run's numbers: the model's own file and the training core."""
    library = Path(__file__).parents[1]
    files = [library / "models" / f"{model}.py", *sorted((library / "training").glob("*.py"))]
    return canonical_hash({str(file.relative_to(library)): file.read_text(encoding="utf-8") for file in files})


def run_key(run: Run, data_hash: str) -> str:
    """The key of what decides a run's numbers: its hyper-parameters, the data and the code."""
    return canonical_hash({"run": asdict(run), "data_hash": data_hash, "code_hash": code_hash(run.model)})


def make_record(run: Run, data_hash: str, result: Mapping[str, Any]) -> Record:
    """A run's record, by `metrics.schema.json`: parameters, key, `result` and, over all of it, its own hash."""
    record = {
        "schema_version": SCHEMA_VERSION,
        **asdict(run),
        "key": run_key(run, data_hash),
        "data_hash": data_hash,
        "code_hash": code_hash(run.model),
        **result,
    }
    return {**record, "content_hash": canonical_hash(record)}


@cache
def _validator() -> Any:
    return fastjsonschema.compile(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


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
    except ValueError:
        raise SweepError(f"{file} is damaged (not JSON)") from None
    if content_hash != record["content_hash"]:
        raise SweepError(f"{file} is damaged (its content is not what its content_hash says)")
    return record


def differences(record: Record, run: Run, data_hash: str) -> list[str]:
    """What a record was made with that is not what is asked for now; empty if it is the run's record."""
    wanted = {**asdict(run), "data_hash": data_hash, "code_hash": code_hash(run.model)}
    return [
        f"{name} {record[name]}, not {value}" if name in asdict(run) else f"another {name}"
        for name, value in wanted.items()
        if record[name] != value
    ]


def read_kept(kept: Path) -> Record:
    """Read a kept record, <key>.json. Raises SweepError if it is missing, damaged or of another key."""
    record = read_record(kept)
    if record["key"] != kept.stem:
        raise SweepError(f"{kept} holds the record of another key, {record['key']}")
    return record


def publish(kept: Path, metrics: Path) -> bool:
    """Copy a kept record, <key>.json, to a run's metrics.json; False if there is none.

    Raises:
        SweepError: the record is damaged or of another key.
    """
    if not kept.exists():
        return False
    write_json(metrics, read_kept(kept))
    return True


@dataclass(frozen=True)
class Finding:
    """What lies at a run's place, its metrics.json `file`, and what is kept for its key.

    `record` is whatever whole record `file` holds, `differs` what that was made with and the run is not, and `fault` a
    sentence that says why `file` is not the run's record; all are empty where they do not apply. `has_kept`: the run's
    record is kept, and whole; `kept_fault`: it is damaged.
    """

    run: Run
    file: Path
    record: Record | None
    differs: list[str]
    fault: str
    kept: Path
    has_kept: bool
    kept_fault: str

    @property
    def missing(self) -> bool:
        return not self.file.exists()


def find_record(run: Run, folder: Path, kept_folder: Path, data_hash: str) -> Finding:
    """Look at a run's <folder>/<model>/<name>/seed<k>/metrics.json, and at <kept_folder>/<key>.json."""
    file = folder / run.path / "metrics.json"
    kept = kept_folder / f"{run_key(run, data_hash)}.json"
    record: Record | None = None
    differs: list[str] = []
    fault = kept_fault = ""
    try:
        record = read_record(file)
        if differs := differences(record, run, data_hash):
            fault = f"{file} was made with {', '.join(differs)}"
    except SweepError as error:
        fault = str(error)
    has_kept = kept.exists()
    if has_kept:
        try:
            read_kept(kept)
        except SweepError as error:
            has_kept, kept_fault = False, str(error)
    return Finding(run, file, record, differs, fault, kept, has_kept, kept_fault)


def remedy(findings: Iterable[Finding]) -> str:
    """The shell command after which the next run makes good what is wrong with these, training as little as it can."""
    removed, copied = [], []
    for finding in findings:
        if finding.fault:
            removed.append(str(finding.file))
        if finding.kept_fault and finding.fault:
            removed.append(str(finding.kept))
        elif finding.kept_fault:
            copied.append(f"cp {shlex.join([str(finding.file), str(finding.kept)])}")
    return " && ".join(([f"rm -f {shlex.join(removed)}"] if removed else []) + copied)
