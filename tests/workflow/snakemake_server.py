"""A process that has loaded Snakemake and forks for each call, which then takes 0.1 s instead of 1.2 s.

Each call is the `snakemake` command itself in a process of its own, with its own exit code. A line on standard input is
a call, as JSON: [folder, file for the output, argument, …]; the line that answers it is the exit code.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from snakemake import cli


def call(folder: str, output: str, *arguments: str) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.chdir(folder)
            sys.argv = ["snakemake", *arguments]
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


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
        print(call(*json.loads(line)), file=answers, flush=True)
