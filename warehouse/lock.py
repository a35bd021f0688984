"""The system's lock on an open file: one process has it, and it goes with that process however it ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    _FAR_BEHIND = 1 << 20  # Windows locks bytes for readers too: lock one that nobody reads

    def lock(handle: int) -> None:
        os.lseek(handle, _FAR_BEHIND, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def lock(handle: int) -> None:
        """Takes the lock.

        Raises:
            OSError: another has it.
        """
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
