"""Ports for what tests start.

A port that the system chooses (`bind` to 0) may go to any connection of any process before the test
uses it. These are from below the range that systems choose from, and none is given out twice.
"""

from __future__ import annotations

import os
import socket
from itertools import cycle

FIRST, LAST = 20_000, 32_000  # Linux chooses from 32768 on, others from 49152
_start = os.getpid() * 74 % (LAST - FIRST)  # two test processes begin at different places
_ports = cycle(FIRST + (_start + step) % (LAST - FIRST) for step in range(0, LAST - FIRST, 2))


def free_port() -> int:
    """A port that nobody uses; nor is the one above it, for the bus takes two."""
    return next(port for port in _ports if _free(port) and _free(port + 1))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
