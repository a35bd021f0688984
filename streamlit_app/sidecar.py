"""What the dashboard asks of the sidecar."""

from __future__ import annotations

import json
import ssl
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from trifecta.settings import Settings

TIMEOUT_S = 2.0
PAUSE_S = 3.0
"""A sidecar that let a question time out is not asked for so long: a page asks many, and must not wait for each."""


class Sidecar:
    """Calls the HTTP API of the settings in force, with its token."""

    def __init__(self, settings: Settings) -> None:
        scheme = "https" if settings.api_tls_cert else "http"
        host = "127.0.0.1" if settings.api_host in {"0.0.0.0", "localhost"} else settings.api_host  # noqa: S104
        self._base = f"{scheme}://{host}:{settings.api_port}"
        self._token = settings.api_token.get_secret_value()
        self._tls = ssl.create_default_context(cafile=str(settings.api_tls_cert)) if settings.api_tls_cert else None
        self._timed_out: dict[str, Any] = {}
        self._asked_again_s = 0.0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The answer as it is; `{"error", "reason"}` where there is none to be had."""
        if monotonic() < self._asked_again_s:
            return self._timed_out
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What came of it; `{"error", "reason"}` where it was refused or nobody answers."""
        return self._ask("POST", path, json.dumps(body or {}).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(self._base + path, data=body, method=method, headers=headers)  # noqa: S310  http or https by settings
        try:
            with urlopen(request, timeout=TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
                return dict(json.load(answer))
        except HTTPError as error:
            with error:
                return _refusal(error)
        except (URLError, TimeoutError, ValueError) as error:
            told = {"error": "unreachable", "reason": f"the sidecar at {self._base} does not answer: {error}"}
            if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
                self._timed_out, self._asked_again_s = told, monotonic() + PAUSE_S
            return told


def _refusal(error: HTTPError) -> dict[str, Any]:
    """What the sidecar said instead of an answer; health says its own, with a 503."""
    try:
        told = dict(json.load(error))
    except ValueError:
        told = {}
    return told if {"error", "status"} & told.keys() else {"error": "http", "reason": f"{error.code} {error.reason}"}
