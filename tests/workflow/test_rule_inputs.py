"""Each rule has all the code that makes its output among its inputs, so that an edit makes the output again."""

import json
from pathlib import Path

from imports import LIBRARY, closure
from project import REPOSITORY, Sweep

# What each rule has as inputs, as Snakemake itself read it.
DUMP = """
include: {snakefile!r}
import json
inputs = {{rule.name: [str(file) for file in rule.input if not callable(file)] for rule in workflow.rules}}
Path("inputs.json").write_text(json.dumps(inputs))
"""
# `train` has models/ and training/ as a hash in its params, so that a record's key changes with them; an edit of any
# other code, which decides no number, must not train again. `all` runs nothing.
WITHOUT_CODE = {"train", "all"}


def is_hashed(file: Path) -> bool:
    """Whether an edit of a file trains all runs of a model, or of all models, again, which makes all else again."""
    name = str(file.relative_to(LIBRARY))
    return name.startswith(("models/", "training/")) and name != "models/__init__.py"


def test_each_rule_declares_all_code_that_its_program_imports(code: Sweep, tmp_path: Path) -> None:
    code.configure(studies={"same": {"mlp": {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0]}}})
    dump = tmp_path / "Snakefile"
    dump.write_text(DUMP.format(snakefile=str(REPOSITORY / "Snakefile")))
    code.snakemake("--dry-run", "--quiet", "--snakefile", str(dump))
    inputs = json.loads((code.folder / "inputs.json").read_text())
    files = {rule: [(code.folder / name).resolve() for name in names] for rule, names in inputs.items()}
    programs = {
        rule: [file for file in names if file.parent == REPOSITORY / "scripts"] for rule, names in files.items()
    }
    assert {rule for rule, program in programs.items() if not program} == WITHOUT_CODE
    for rule, program in programs.items():
        if rule not in WITHOUT_CODE:
            assert len(program) == 1
            missing = {file for file in closure(program) - set(files[rule]) if not is_hashed(file)}
            assert {str(file.relative_to(LIBRARY)) for file in missing} == set(), rule


def test_the_hash_of_the_code_has_everything_that_decides_numbers() -> None:
    """models/ and training/ import nothing else of the library that computes."""
    core = [file for room in ("models", "training") for file in (LIBRARY / room).glob("*.py")]
    others = {str(file.relative_to(LIBRARY)) for file in closure(core) if file not in core}
    assert others == {"__init__.py", "errors.py", "files.py", "grid.py", "sampling.py"}
