"""Translated programs, compiled once for each content and kept under `build/mql5`."""

from __future__ import annotations

import fcntl
import hashlib
import os
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

    CHECKED = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
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
    text = text.replace(f'"{ROOT}/', '"')
    unit = "\n".join(
        ['#include "mql.hpp"', text, '#include "check.hpp"', *(f'#include "{name}"' for name in cases), ""]
    )
    objects = shim(flavour, using)
    contents = [unit, flavour.name, *(read(ROOT / HERE / "cases" / name) for name in ["check.hpp", *cases])]
    folder = BUILD / f"{main.stem}-{flavour.name.lower()}-{_digest([*contents, objects.name])}"
    with _alone(folder):
        if not (folder / "program").is_file():
            (folder / "unit.cpp").write_text(unit)
            coverage = ["--coverage"] if flavour is Flavour.CHECKED else []
            compiled = [using, *_COMMON, *flavour.value, *coverage]
            where = ["-include", str(objects / "mql.hpp"), f"-I{HERE / 'cases'}", f"-isystem{objects}"]
            _run([*compiled, *WARNINGS, *where, "-c", str(folder / "unit.cpp"), "-o", str(folder / "unit.o")])
            linked = folder / "linked"
            _run([*compiled, str(folder / "unit.o"), str(objects / "shim.a"), "-pthread", "-o", str(linked)])
            linked.rename(folder / "program")
    return Built(folder / "program", folder)


def shim(flavour: Flavour, using: str) -> Path:
    """The folder of the simulated terminal's library and precompiled header."""
    files = sorted((ROOT / HERE / "shim").iterdir())
    folder = (
        BUILD / f"shim-{flavour.name.lower()}-{_digest([using, _version(using), *flavour.value, *map(read, files)])}"
    )
    with _alone(folder):
        if not (folder / "shim.a").is_file():
            for file in files:
                shutil.copy(file, folder)
            command = [using, *_COMMON, *flavour.value]
            # the flags of the program must be those of the header, or it is read anew each time
            coverage = ["--coverage"] if flavour is Flavour.CHECKED else []
            _run(
                [
                    *command,
                    *coverage,
                    *_SHIM_WARNINGS,
                    "-x",
                    "c++-header",
                    str(folder / "mql.hpp"),
                    "-o",
                    str(folder / "mql.hpp.gch"),
                ]
            )
            sources = [file for file in files if file.suffix == ".cpp"]
            for file in sources:
                _run([*command, *_SHIM_WARNINGS, "-c", str(folder / file.name), "-o", str(folder / f"{file.stem}.o")])
            _run(["ar", "rcs", str(folder / "made.a"), *(str(folder / f"{file.stem}.o") for file in sources)])
            (folder / "made.a").rename(folder / "shim.a")
    return folder


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
