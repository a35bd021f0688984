"""Translated programs, compiled once for each content and kept under `build/mql5`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from tests.mql5.translate import translate

ROOT = Path(__file__).parents[2]
HERE = Path("tests/mql5")
INCLUDE = Path("mql5/Include")
EXPERT = Path("mql5/Experts/Trifecta/BoxEA.mq5")
BUILD = ROOT / "build" / "mql5"
COMPILE_S = 540

# What MetaEditor warns of is an error here: lossy conversions, unused and shadowed names, comparisons of doubles.
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Wfloat-equal",
    "-Wimplicit-fallthrough",
    "-Wno-unused-parameter",
    "-Werror",
)
_SHIM_WARNINGS = tuple(warning for warning in WARNINGS if warning != "-Wfloat-equal")
_COMMON = ("-std=c++20", "-pipe")


class Flavour(Enum):
    """How a program is compiled."""

    # Without the checks of pointers, which MQL5 does not have and which take half of the compiler's time
    CHECKED = (
        "-O0", "-g1", "-fsanitize=address,undefined", "-fno-sanitize=null,alignment,object-size,vptr",
        "-fno-sanitize-recover=all", "--coverage",
    )  # fmt: skip
    QUICK = ("-O0",)


@dataclass(frozen=True, slots=True)
class Built:
    """A compiled program and the folder of its objects."""

    program: Path
    folder: Path


def compiler() -> str:
    """The C++ compiler: `CXX`, else g++; without one a test is skipped, and fails in CI."""
    found = shutil.which(os.environ.get("CXX", "g++"))
    if found is None:
        reason = "no g++: install it (Debian: apt-get install g++) to test the MQL5 sources"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def build(
    main: Path, cases: Iterable[str], flavour: Flavour, *, include: Path = INCLUDE, with_compiler: str | None = None
) -> Built:
    """The program of one `.mq5` file and the case files named, compiled unless its content was before.

    Raises:
        subprocess.CalledProcessError: the compiler refuses it; its messages are in `stderr`.
    """
    using = with_compiler or compiler()
    text = translate(ROOT / main if not main.is_absolute() else main, ROOT / include).text
    text = text.replace(f'"{ROOT}/', '"').replace(f'"{include}/', f'"{INCLUDE}/')
    unit = "\n".join(
        ['#include "mql.hpp"', text, '#include "check.hpp"', *(f'#include "{name}"' for name in cases), ""]
    )
    header, library = _header(flavour, using), _library(using)
    contents = [unit, flavour.name, *(read(ROOT / HERE / "cases" / name) for name in ["check.hpp", *_all_of(cases)])]
    folder = BUILD / f"{main.stem}-{flavour.name.lower()}-{_digest([*contents, header.name, library.name])}"
    with _alone(folder):
        if not (folder / "program").is_file():
            (folder / "unit.cpp").write_text(unit)
            compiled = [using, *_COMMON, *flavour.value]
            where = ["-include", str(header / "mql.hpp"), f"-I{HERE / 'cases'}", f"-isystem{header}"]
            _run([*compiled, *WARNINGS, *where, "-c", str(folder / "unit.cpp"), "-o", str(folder / "unit.o")])
            linked = folder / "linked"
            _run([*compiled, str(folder / "unit.o"), str(library / "shim.a"), "-pthread", "-o", str(linked)])
            linked.rename(folder / "program")
    return Built(folder / "program", folder)


def complaints(mains: Iterable[Path], with_compiler: str | None = None) -> str:
    """What the compiler says against programs, at a level that sees what is never set or never returned."""
    using = with_compiler or compiler()
    header = ROOT / HERE / "shim"
    texts = []
    for number, main in enumerate(mains):
        text = translate(ROOT / main, ROOT / INCLUDE).text.replace(f'"{ROOT}/', '"')
        guards = re.findall(r"^#define (\w+_MQH)$", text, re.MULTILINE)
        texts += [text.replace("namespace mql5::program", f"namespace mql5::program{number}", 1)]
        texts += [f"#undef {guard}" for guard in guards]
    command = [
        using,
        *_COMMON,
        "-O1",
        *WARNINGS,
        "-Wno-error",
        f"-isystem{header}",
        "-include",
        str(header / "mql.hpp"),
    ]
    told = subprocess.run(
        [*command, "-x", "c++", "-c", "-", "-o", os.devnull],
        input="\n".join(texts), cwd=ROOT, capture_output=True, text=True, timeout=COMPILE_S, check=False,
    )  # fmt: skip
    return told.stderr


def _header(flavour: Flavour, using: str) -> Path:
    """The folder of the simulated terminal's precompiled header; its flags must be those of the program."""
    files = sorted((ROOT / HERE / "shim").glob("*.hpp"))
    key = _digest([using, _version(using), *flavour.value, *map(read, files)])
    folder = BUILD / f"header-{flavour.name.lower()}-{key}"
    with _alone(folder):
        if not (folder / "mql.hpp.gch").is_file():
            for file in files:
                shutil.copy(file, folder)
            command = [using, *_COMMON, *flavour.value, *_SHIM_WARNINGS, "-x", "c++-header"]
            _run([*command, str(folder / "mql.hpp"), "-o", str(folder / "made")])
            (folder / "made").rename(folder / "mql.hpp.gch")
    return folder


def _library(using: str) -> Path:
    """The folder of the simulated terminal's library."""
    files = sorted((ROOT / HERE / "shim").iterdir())
    folder = BUILD / f"shim-{_digest([using, _version(using), *map(read, files)])}"
    with _alone(folder):
        if not (folder / "shim.a").is_file():
            sources = [file for file in files if file.suffix == ".cpp"]
            for file in sources:
                _run([using, *_COMMON, "-O1", *_SHIM_WARNINGS, "-c", str(file), "-o", str(folder / f"{file.stem}.o")])
            _run(["ar", "rcs", str(folder / "made.a"), *(str(folder / f"{file.stem}.o") for file in sources)])
            (folder / "made.a").rename(folder / "shim.a")
    return folder


def _all_of(cases: Iterable[str]) -> list[str]:
    """The case files and the headers that they may include."""
    return [*cases, *sorted(path.name for path in (ROOT / HERE / "cases").glob("*.hpp") if path.name != "check.hpp")]


def run(built: Built, *names: str, timeout_s: float = 240, env: dict[str, str] | None = None) -> dict[str, str]:
    """What each case that ran said: empty where it is fine."""
    told = subprocess.run(
        [str(built.program), *names],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=os.environ | (env or {}),
    )
    said: dict[str, str] = {}
    for line in told.stdout.splitlines():
        state, _, rest = line.partition(" ")
        if state == "ok":
            said[rest] = ""
        elif state == "FAIL":
            name, _, problem = rest.partition(" | ")
            said[name] = problem
    if told.returncode not in (0, 1):
        said["the program"] = f"ended with {told.returncode}: {told.stderr[-3000:]}"
    return said


def read(path: Path) -> str:
    return path.read_text()


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=COMPILE_S)


@cache
def _version(using: str) -> str:
    return subprocess.run([using, "--version"], capture_output=True, text=True, check=True).stdout


def _digest(contents: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(contents).encode()).hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several workers of a test run want the same program: one makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
