"""Asking a server on this machine how it is."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_S = 1.0
MAX_BODY = 1 << 20


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def get(url: str, *, token: str = "", certificate: Path | None = None, timeout_s: float = TIMEOUT_S) -> Answer | None:
    """What `url` answers; None if nobody does in time.

    Args:
        certificate: the server's own, trusted as it is.
    """
    parts = urlsplit(url)
    address = parts.hostname or "127.0.0.1"
    connection: HTTPConnection
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=certificate)
            context.check_hostname = False  # asked by address, issued for a name
            connection = HTTPSConnection(address, parts.port, timeout=timeout_s, context=context)
        else:
            connection = HTTPConnection(address, parts.port, timeout=timeout_s)
        try:
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(MAX_BODY))
        finally:
            connection.close()
    except (OSError, HTTPException):
        return None
