"""What keeps a process that runs for months small. Linux alone: elsewhere nothing of it is done."""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import re
import sys
from pathlib import Path

EVERY_S = 5.0
ARENAS = 2
TRIM_BYTES = 1 << 20
_PR_SET_THP_DISABLE, _M_TRIM_THRESHOLD, _M_ARENA_MAX, _MADV_DONTNEED = 41, -1, -8, 4  # of Linux and glibc
_COMPILER = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*/libllvmlite\.so")
_MAPPED = Path("/proc/self/maps")
_BLAS = "scipy.linalg"


async def keep_small() -> None:
    """Until cancelled. With kernels of numba at work, a recorder of Binance takes 100 MB less."""
    if sys.platform != "linux":
        return
    _give_back_what_is_freed()
    _load_numba_without_scipy()
    code, libc = _compiler(), ctypes.CDLL(None)
    while True:
        for start, size in code:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)
        if hasattr(libc, "malloc_trim"):
            await asyncio.to_thread(libc.malloc_trim, 0)  # what is freed between what is not, stays otherwise
        await asyncio.sleep(EVERY_S)


def _give_back_what_is_freed() -> None:
    """glibc keeps freed memory for each of the 40 threads of the lake's library, whose stacks take 2 MB each where the
    system gives huge pages."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    if hasattr(libc, "mallopt"):  # not every libc is glibc
        libc.mallopt(_M_ARENA_MAX, ARENAS)
        libc.mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)


def _load_numba_without_scipy() -> None:
    """To find out whether there is BLAS, numba loads 11 MB of SciPy; no kernel here multiplies matrices."""
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # what Python takes for "not installed"
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[_BLAS]


def _compiler() -> list[tuple[int, int]]:
    """(address, bytes) of LLVM's code. Loading a kernel reads 50 MB of it; what is needed again is read again."""
    found = (_COMPILER.match(line) for line in _MAPPED.read_text().splitlines())
    spans = ((int(one[1], 16), int(one[2], 16)) for one in found if one)
    return [(start, end - start) for start, end in spans]
