"""A process that has loaded Snakemake and forks for each call, which then takes 0.3 s of a core instead of 2 s.

Each call is the `snakemake` command itself in a process of its own, with its own environment and exit code. A line on
standard input is a call, as JSON: {"folder": …, "environment": …, "arguments": …}; the line that answers it is
[exit code, output].
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from snakemake import cli


def call(folder: str, environment: dict[str, str], arguments: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                os.chdir(folder)
                os.environ.clear()
                os.environ.update(environment)
                sys.argv = ["snakemake", *arguments]
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return code, output.read().decode(errors="surrogateescape")


def warm_up() -> None:
    """Snakemake loads much of itself at its first call only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(
            "rule all:\n    output: 'a'\n    params: b=lambda _: 1\n    shell: 'touch a'\n"
        )
        try:
            cli.main(["--dry-run", "--quiet", "--directory", folder, "--snakefile", f"{folder}/Snakefile"])
        except SystemExit as end:
            assert not end.code


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm_up()
    for line in sys.stdin:
        print(json.dumps(call(**json.loads(line))), file=answers, flush=True)
