"""What the code that computes a result is, in 16 hex digits: a result kept under them is never taken for another's."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = "trifecta"
LIBRARIES = ("tensorflow", "keras", "tf2onnx", "onnxruntime", "numpy")
"""Whose versions decide a trained network's outputs, beside our own code."""


@cache
def of(*modules: str) -> str:
    """Of these modules, of all of ours that they import, and of the libraries' versions; read once a process."""
    found = hashlib.sha256()
    for path in sorted({path for module in modules for path in sources(module)}):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    for library in LIBRARIES:
        found.update(f"{library} {version(library)}\n".encode())
    return found.hexdigest()[:16]


def sources(module: str, root: Path = ROOT) -> set[Path]:
    """The files of a module of ours and of all that it imports of ours, wherever in a file it imports it."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = _file(waiting.pop(), root)
        if path is not None and path not in found:
            found.add(path)
            waiting += _imported(path)
    return found


def _file(module: str, root: Path) -> Path | None:
    """None for a name inside a module, such as a function's."""
    path = root.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((one for one in candidates if one.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == OURS:
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.split(".")[0] == OURS)
