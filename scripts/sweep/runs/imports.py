"""Which files a Python file imports, found without running any of them."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from sweep.files import parse_code

# Every model is loaded through these packages, so what their __init__.py do belongs to no model.
LOADING = ("sweep", "sweep.models")


def imported_files(file: Path, root: Path, known: Collection[Path]) -> set[Path]:
    """`file`, and the files below the folder `root` that it imports, directly or through others. The imports of `known`
    files are not followed.

    Import statements count wherever they stand, and so do calls of import_module and __import__. A package counts with
    all its files, unless just a module of it is imported.

    Raises:
        SweepError: one of the files cannot be read or is not Python.
    """
    found: set[Path] = set()
    new = {file}
    while new:
        found |= new
        modules = {name for each in new if each not in known for name in _imported_modules(each, root)}
        new = {each for name in modules for each in _module_files(name, root)} - found
    return found


def _imported_modules(file: Path, root: Path) -> Iterator[str]:
    """The full names of the modules and packages that a file imports, also of those that are not below `root`."""
    package = file.relative_to(root).parent.parts
    nodes = list(ast.walk(parse_code(file)))
    loaders = {"import_module", "__import__"}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _full_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                module = f"{base}.{alias.name}".lstrip(".")
                yield module if any(_module_files(module, root)) else base
                if (node.module, alias.name) == ("importlib", "import_module"):
                    loaders.add(alias.asname or alias.name)
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in loaders:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            yield from (_full_name(_written_name(argument), package) for argument in arguments[:1])


def _written_name(node: ast.expr) -> str:
    """The name of a module that an expression gives. Where it is calculated, the name of the package that it begins
    with, as in f"sweep.models.{name}"; if not even that is written, ".", the package of the file itself."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    while isinstance(node, ast.BinOp) or (isinstance(node, ast.JoinedStr) and node.values):
        node = node.left if isinstance(node, ast.BinOp) else node.values[0]
    text = str(node.value) if isinstance(node, ast.Constant) else ""
    return text[: text.rfind(".") + 1] or "."


def _full_name(name: str, package: tuple[str, ...]) -> str:
    """The full name of what a file of this package calls `name`, where each dot before it is a level up."""
    level = len(name) - len(name.lstrip("."))
    above = package[: max(len(package) - level + 1, 0)] if level else ()
    return ".".join([*above, name.strip(".")]).strip(".")


def _module_files(name: str, root: Path) -> Iterator[Path]:
    """The files of a module or package with this full name, and the __init__.py of the packages that it is in; none if
    it is not below `root`."""
    parts = name.split(".") if name else []
    if not all(part.isidentifier() for part in parts):
        return
    path = root.joinpath(*parts)
    files = [*path.rglob("*.py"), *(file for file in [path.with_suffix(".py")] if file.is_file())]
    yield from files
    for length in range(1, len(parts) if files else 0):
        file = root.joinpath(*parts[:length], "__init__.py")
        if ".".join(parts[:length]) not in LOADING and file.is_file():
            yield file
