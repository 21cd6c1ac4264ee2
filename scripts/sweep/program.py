"""A function as a command-line program: its parameters are the options, its docstring is the help text."""

import argparse
import inspect
import io
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sweep.errors import SweepError


def run(function: Callable[..., None]) -> None:
    """Call `function` with the options of the command line, and end with one sentence on a SweepError.

    A parameter `batch_size` is the option --batch-size, and `set_`, which would hide a name of Python's, is --set. It
    must be given unless it has a default. Its type hint is one of str, int, float and Path; bool for a switch without a
    value; a list of one of the former for several values; or Literal for one of these words.

    The log is written to stdout: see `log_to_stdout`.
    """
    text = inspect.getdoc(function)
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    types = get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        required = parameter.default is parameter.empty
        occurrence: dict[str, Any] = {"required": required, "default": None if required else parameter.default}
        option = f"--{name.rstrip('_').replace('_', '-')}"
        parser.add_argument(option, dest=name, **occurrence, **_form(types[name]))
    options = vars(parser.parse_args())
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names that the locale's encoding lacks must not end a program that prints them.
        sys.stdout.reconfigure(errors="backslashreplace")
    log_to_stdout(function.__module__)
    try:
        function(**options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as in `make status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SweepError as error:
        sys.exit(f"Error: {printable(str(error))}")


def log_to_stdout(program: str) -> None:
    """Write the log of the library and of the module `program` to stdout: the messages alone, each without delay.

    A line that cannot be written, as the disk is full or the terminal was closed, is lost, and the program goes on.
    Characters that the locale's encoding lacks are escaped.
    """
    # A stream without a buffer: sys.stdout would keep a lost line, and fail again when it is flushed at the end.
    raw = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
    lines = io.TextIOWrapper(raw, sys.stdout.encoding, "backslashreplace", write_through=True)
    handler = logging.StreamHandler(lines)
    logging.raiseExceptions = False
    for name in ("sweep", program):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)


def printable(text: str) -> str:
    """`text` as a terminal may get it: characters that would do something there, from names and files of others, are
    replaced by their escapes. Ends of lines stay."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in text
    )


def _form(hint: Any) -> dict[str, Any]:
    """How argparse reads a value of this type."""
    if hint is bool:
        return {"action": "store_true"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if get_origin(hint) is list:
        return {"type": get_args(hint)[0], "nargs": "*", "action": "extend"}
    return {"type": hint}


def wrapped(names: Iterable[str]) -> str:
    """Names of runs or files in indented lines of a terminal's width."""
    return textwrap.fill(
        ", ".join(names),
        110,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
