"""Records of finished runs, and the one key of what decides a run's numbers."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import fastjsonschema

from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Run

SCHEMA_VERSION = 1
SCHEMA_FILE = Path(__file__).parents[2] / "workflow" / "schemas" / "metrics.schema.json"

Record = dict[str, Any]


def canonical_hash(content: Any) -> str:
    """SHA-256 of `content` as JSON, whatever the order of its keys."""
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()).hexdigest()


@cache
def code_hash(model: str) -> str:
    """SHA-256 over exactly the files that decide a run's numbers: the model's own file and the training core."""
    library = Path(__file__).parent
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


def publish(kept: Path, metrics: Path) -> bool:
    """Copy a kept record, <key>.json, to a run's metrics.json; False if there is none.

    Raises:
        SweepError: the record is damaged or of another key.
    """
    if not kept.exists():
        return False
    record = read_record(kept)
    if record["key"] != kept.stem:
        raise SweepError(f"{kept} holds the record of another key, {record['key']}")
    write_json(metrics, record)
    return True
