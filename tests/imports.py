"""What a Python file imports, read from its syntax tree without running it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from project import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"
LIBRARY = SCRIPTS / "sweep"


def modules(file: Path, in_functions: bool = True, for_types: bool = False) -> set[str]:
    """The dotted names that a file imports: of "from a import b" both "a" and "a.b", whether or not b is a module.

    Imports in functions run when the function is called: `in_functions` says whether they count. Imports under
    `if TYPE_CHECKING:` never run: `for_types` says whether they count. `import_module` may load any module of the
    file's own package, so that all of them count.
    """
    names = set()
    for node in _nodes(ast.parse(file.read_text(encoding="utf-8")), in_functions, for_types):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{file} has a relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            package = ".".join(file.parent.relative_to(SCRIPTS).parts)
            names |= {f"{package}.{module.stem}" for module in file.parent.glob("*.py")}
    return names


def _nodes(node: ast.AST, in_functions: bool, for_types: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and not in_functions:
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING" and not for_types:
            continue
        yield child
        yield from _nodes(child, in_functions, for_types)


def library_files(names: Iterable[str]) -> set[Path]:
    """The files of the library that importing these modules runs, without those that they import in their turn."""
    files = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == LIBRARY.name:
            for length in range(1, len(parts) + 1):
                module = SCRIPTS.joinpath(*parts[:length])
                files |= {module / "__init__.py", module.with_suffix(".py")}
    return {file for file in files if file.exists()}


def closure(files: Iterable[Path], in_functions: bool = True) -> set[Path]:
    """The files of the library that these files import when they run, directly or through others."""
    found: set[Path] = set()
    new = set(files)
    while new:
        imported = set().union(*(library_files(modules(file, in_functions)) for file in new))
        new = imported - found
        found |= new
    return found
