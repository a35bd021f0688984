"""What a test starts ends with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import GUARDED, ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
STARTER = """
import subprocess, sys, time
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
time.sleep(600)
"""
WORKS = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
try:
    (folder / "begun").touch()
    time.sleep(600)
except KeyboardInterrupt:
    (folder / "ended").touch()
"""


def test_a_command_ends_with_the_test_that_started_it_even_with_one_that_is_killed(tmp_path: Path) -> None:
    command = [*GUARDED, sys.executable, "-c", WORKS, str(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", STARTER, *command], cwd=ROOT) as starter:
        _wait_for(tmp_path / "begun")
        starter.kill()
    _wait_for(tmp_path / "ended")


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"no {path.name}"
        time.sleep(0.05)
