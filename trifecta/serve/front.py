"""What every request meets first: who may ask, and the Expert Advisor's answer, ready as bytes.

FastAPI stands behind it. A prepared answer leaves without routing or encoding, which is what makes it as cheap as an
ASGI application that does nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.champions import Champions
from trifecta.serve.opportunities import Opportunities
from trifecta.serve.problems import NoAnswerError
from trifecta.serve.service import Service
from trifecta.serve.terminals import MAX_BODY_BYTES as MAX_BATCH_BYTES
from trifecta.serve.terminals import PATHS as BATCH_PATHS
from trifecta.serve.upkeep import Upkeep
from trifecta.settings import is_loopback

MAX_BODY_BYTES = 65_536
HEALTH_PATH = "/health"
POLICY_VIOLATION = 1008

_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class Front:
    """The ASGI application that is served."""

    def __init__(
        self, behind: ASGIApp, service: Service, upkeep: Upkeep, champions: Champions, opportunities: Opportunities
    ) -> None:
        settings = service.settings
        token = settings.api_token.get_secret_value()
        self.service = service
        self.upkeep = upkeep
        self.champions = champions
        self.opportunities = opportunities
        self._behind = behind
        self._answers = service.answers
        self._counts = service.counts
        self._monotonic_s = service.clock.monotonic_s
        self._expected = f"Bearer {token}".encode() if token else None
        # On loopback a name that leads elsewhere means a web page whose host name was pointed at this machine.
        self._loopback_only = is_loopback(settings.api_host)
        self._headers = [*_SECURITY, _HSTS] if settings.api_tls_cert else _SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await self._refuse(refused, scope, send)
            return
        if scope["path"] == SIMPLE_PATH and scope["method"] == "GET":
            prepared = self._answers.get(scope["query_string"])
            ready = prepared.messages(self._monotonic_s()) if prepared is not None else None
            if ready is not None:
                self._counts.prepared_hits += 1
                await send(ready[0])
                await send(ready[1])
                return
        await self._pass_on(scope, receive, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, or the application's own beginning and end."""
        refused = self._refused(scope) if scope["type"] == "websocket" else None
        if refused is None:
            await self._behind(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refused.reason})

    def _refused(self, scope: Scope) -> NoAnswerError | None:
        host = origin = token = length = b""
        chunked = False
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"authorization":
                token = value
            elif name == b"origin":
                origin = value
            elif name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunked = True
        if self._loopback_only and not _names_this_machine(host):
            return NoAnswerError(421, "bad_host", "the Host header must be 127.0.0.1, localhost or [::1]")
        if (
            self._expected is not None
            and scope["path"] != HEALTH_PATH
            and not hmac.compare_digest(token, self._expected)
        ):
            return NoAnswerError(401, "unauthorized", "send the header `Authorization: Bearer <api_token>`")
        if origin and origin.partition(b"://")[2] != host:
            return NoAnswerError(403, "bad_origin", "requests of other sites' pages are not answered")
        if chunked or length:
            limit = MAX_BATCH_BYTES if scope["path"] in BATCH_PATHS else MAX_BODY_BYTES
            if chunked or not (len(length) < 10 and length.isdigit() and int(length) <= limit):
                return NoAnswerError(413, "body_too_large", f"send no body, or one of a stated length <= {limit}")
        return None

    async def _refuse(self, refused: NoAnswerError, scope: Scope, send: Send) -> None:
        body = refused.body()
        headers = [*refused.headers(), (b"content-length", str(len(body)).encode()), *self._headers]
        self._count("refused", refused.status)
        await send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = self._monotonic_s()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _without(message["headers"], self._headers)
                self._count(getattr(scope.get("route"), "path", "unknown"), message["status"])
                self._counts.latency.observe(self._monotonic_s() - began_s)
            await send(message)

        await self._behind(scope, receive, noted)

    def _count(self, route: str, status: int) -> None:
        requests = self._counts.requests
        requests[route, status] = requests.get((route, status), 0) + 1


@lru_cache(maxsize=64)
def _names_this_machine(host: bytes) -> bool:
    name, colon, port = host.rpartition(b":")
    if not colon or not port.isdigit():
        name = host
    return name in (b"127.0.0.1", b"localhost", b"[::1]")


def _without(headers: Iterable[tuple[bytes, bytes]], ours: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`headers` and ours, ours where both have one."""
    names = {name for name, _ in ours}
    return [*(header for header in headers if header[0] not in names), *ours]
