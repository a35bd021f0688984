"""The peers' own environments, and peers that run in them turn by turn with us.

Peers have dependencies of their own that must not decide ours, so they live in `build/peers`, made on first use; one
that would hold the others back lives alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
REQUIREMENTS = {"peers": "requirements.txt", "nautilus": "requirements_nautilus.txt"}
"""By the name of an environment, `build/<name>`."""
INSTALL_S = 900


class PeerMissingError(Exception):
    """A peer cannot be run here; its comparison is left out and not counted as passed."""


def python(name: str = "peers") -> Path:
    """The interpreter of an environment, which is made if it is not there or was made of other requirements.

    Raises:
        PeerMissingError: what is asked for does not install.
    """
    home = ROOT / "build" / name
    found = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = home / "installed.txt"
    wanted = (PEERS / REQUIREMENTS[name]).read_text()
    if stamp.is_file() and stamp.read_text() == wanted:
        return found
    print(f"installing peers into {home.relative_to(ROOT)} ...", file=sys.stderr)
    venv.create(home, with_pip=True, clear=True)
    for line in wanted.splitlines():
        if line and not line.startswith("#"):  # one by one: a peer that does not install must not cost the others
            command = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", line]
            done = subprocess.run(command, check=False, timeout=INSTALL_S, capture_output=True, text=True)
            if done.returncode:
                print(f"peer {line} does not install:\n{done.stderr.strip()[-500:]}", file=sys.stderr)
    stamp.write_text(wanted)
    return found


class Peer:
    """A process that runs one peer's work once each time it is asked to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: dict[str, Any] = self._read()

    def run(self) -> float:
        """Processor seconds of one run."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return float(self._read()["seconds"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerMissingError(f"{Path(self._process.args[1]).name} ended: is its library installed?")  # type: ignore[index]
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def peer(script: str, *arguments: str | Path, environment: str = "peers") -> Iterator[Peer]:
    """Runs `peers/<script>` until the block ends."""
    command = [str(python(environment)), str(PEERS / script), *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Peer(process)
    finally:
        process.kill()
        process.communicate()
