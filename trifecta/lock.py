"""One writer per folder, across processes; the lock goes with the process that holds it."""

from __future__ import annotations

import os
from pathlib import Path

from trifecta.errors import PermanentError
from warehouse.lock import lock


class FolderLock:
    """Held from its making until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock.

        Raises:
            PermanentError: another writer has it; names its process id.
        """
        path = folder / "lock"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            lock(self._handle)
        except OSError as error:
            holder = os.read(self._handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise PermanentError(
                f"{folder} is being written by process {holder}: stop it first, or give this one another data folder"
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, b"%d\n" % os.getpid())

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(folder: Path) -> bool:
    """Whether a living process writes to this folder now."""
    if not (folder / "lock").exists():
        return False
    try:
        FolderLock(folder).release()
    except PermanentError:
        return True
    return False
