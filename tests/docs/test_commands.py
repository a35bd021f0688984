"""Every command that the documentation shows is run, or says why it is not.

A block ```sh runs, page by page, each page in a folder of its own. `<!-- system -->` before it: against the running
system. A block ```console is only shown, and `<!-- not run: why -->` must stand before it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.running import PATIENCE_S, System

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<kind>\w+)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S)
SHELLS = {"sh", "console", "bash", "shell", "powershell"}


class Block(NamedTuple):
    """One block of a page."""

    kind: str
    note: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The page's blocks of commands."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["kind"], one["note"] or "", one["text"]) for one in found if one["kind"] in SHELLS]


RUN = [page for page in PAGES if any(block.kind == "sh" for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_not_run_says_why(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "sh":
            assert block.note in ("", "system"), block
        else:
            assert re.match(r"not run: \S.{5,}", block.note), f"{page.name}: {block.text}"


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_command_of_a_page_works(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for block in blocks(page):
        if block.kind != "sh":
            continue
        system: System | None = request.getfixturevalue("system") if block.note == "system" else None
        text = block.text if system is None else system.here(block.text)
        environment = _environment(tmp_path) if system is None else system.environment
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stdout}\n{done.stderr}"


def test_the_dashboard_for_grafana_asks_for_metrics_that_a_running_system_tells(system: System) -> None:
    asked = set(re.findall(r"trifecta_\w+", (ROOT / "docs" / "grafana.json").read_text(encoding="utf-8")))
    assert asked
    end = time.monotonic() + PATIENCE_S
    while missing := asked - _told(system):
        assert time.monotonic() < end, missing
        time.sleep(0.5)


def _told(system: System) -> set[str]:
    found = set(re.findall(r"^# TYPE (\w+)", httpx.get(f"{system.api}/metrics").text, re.M))
    return found | {f"{name}_bucket" for name in found}


def _environment(folder: Path) -> dict[str, str]:
    """What a first-time user has, with ports that nobody else uses."""
    from tests.running import ports

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIFECTA_", "PREFECT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "TRIFECTA_DATA_DIR": str(folder / "data"), **ports()}
