"""Which lines of the MQL5 sources the test programs run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mql5.build import INCLUDE, ROOT, Built, run


@dataclass(frozen=True, slots=True)
class Covered:
    """Lines of one file that can run, and those that did not."""

    file: str
    lines: int
    missed: tuple[int, ...]

    @property
    def share(self) -> float:
        return 1 - len(self.missed) / self.lines

    def __str__(self) -> str:
        missed = f", not run: {', '.join(map(str, self.missed))}" if self.missed else ""
        return f"{self.share:6.1%} of {self.lines:3d} lines of {self.file}{missed}"


def measure(programs: Iterable[Built], folder: Path) -> tuple[dict[str, str], list[Covered]]:
    """What every case said, and the coverage of each file under `Include/`; counts are kept in `folder`."""
    said: dict[str, str] = {}
    counts: dict[str, dict[int, int]] = {}
    for number, built in enumerate(programs):
        kept = folder / str(number)
        kept.mkdir(parents=True)
        depth = len(built.folder.parts) - 1
        said |= run(built, env={"GCOV_PREFIX": str(kept), "GCOV_PREFIX_STRIP": str(depth)})
        shutil.copy(built.folder / "unit.gcno", kept)
        for file in _gcov(kept)["files"]:
            if not str(file["file"]).startswith(str(INCLUDE)):
                continue
            lines = counts.setdefault(file["file"], {})
            for line in file["lines"]:
                lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
    return said, [
        Covered(name, len(lines), tuple(sorted(number for number, count in lines.items() if not count)))
        for name, lines in sorted(counts.items())
    ]


def _gcov(folder: Path) -> dict[str, list[dict[str, object]]]:
    told = subprocess.run(
        [os.environ.get("GCOV", "gcov"), "--json-format", "--stdout", "unit.gcda"],
        cwd=folder, capture_output=True, check=True, text=True, timeout=120,
    )  # fmt: skip
    return dict(json.loads(told.stdout))


def include_files() -> list[str]:
    """Every source under `Include/`, as coverage names it."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / INCLUDE).rglob("*.mqh"))
