"""What a recorder holds in memory: months of uptime on small machines."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "duckdb sqlalchemy alembic scipy.linalg pandas pyarrow.dataset rich ccxt web3 talib prefect fastapi onnxruntime"


def test_a_recorder_imports_only_what_it_records_with() -> None:
    code = f"import sys, trifecta.ops.record; sys.exit(', '.join(set({HEAVY.split()}) & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is done")
def test_the_compiler_is_let_go_of_and_still_compiles() -> None:
    subprocess.run([sys.executable, "-c", KEPT_SMALL], check=True)


KEPT_SMALL = r"""
import asyncio, re, sys
from pathlib import Path
import numba, numpy
from trifecta import memory

def resident_kb():
    mappings = re.split(r"\n(?=[0-9a-f]+-)", Path("/proc/self/smaps").read_text())
    code = [one for one in mappings if "libllvmlite" in one and " r-xp " in one]
    return sum(int(re.search("Rss: +([0-9]+)", one)[1]) for one in code)

async def main():
    memory.EVERY_S = 0.01
    small = asyncio.create_task(memory.keep_small())
    await asyncio.sleep(0)
    assert numba.njit(lambda x: x + 1)(1) == 2
    compiled = resident_kb()
    assert compiled > 20_000, compiled
    async with asyncio.timeout(60):
        while resident_kb() > compiled / 10:
            await asyncio.sleep(0.01)
    assert numba.njit(lambda x: x.sum())(numpy.ones(3)) == 3
    assert "scipy.linalg" not in sys.modules
    assert "THP_enabled:\t0" in Path("/proc/self/status").read_text()
    small.cancel()

asyncio.run(main())
"""
