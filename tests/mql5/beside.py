"""The real sidecar in a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mql5.build import ROOT

TOKEN = "a-token-of-more-than-16-characters"
PROGRAM = "from trifecta.serve.server import run; from trifecta.settings import load; run(load())"


@contextmanager
def sidecar(folder: Path, port: int, bus_address: str) -> Iterator[subprocess.Popen[bytes]]:
    told = {
        "TRIFECTA_DATA_DIR": str(folder / "data"),
        "TRIFECTA_API_PORT": str(port),
        "TRIFECTA_API_TOKEN": TOKEN,
        "TRIFECTA_BUS_ADDRESS": bus_address,
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "sidecar.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=os.environ | told, cwd=folder, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
