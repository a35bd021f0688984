"""What the sidecar says when it has no answer: JSON of `error`, `reason` and, where waiting helps, `retry_after_s`."""

from __future__ import annotations

import msgspec


class NoAnswerError(Exception):
    """An answer other than 200. `error` is a word for programs, `reason` names parameter, value and remedy."""

    def __init__(self, status: int, error: str, reason: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason
        self.retry_after_s = retry_after_s

    def body(self) -> bytes:
        told: dict[str, object] = {"error": self.error, "reason": self.reason}
        if self.retry_after_s is not None:
            told["retry_after_s"] = self.retry_after_s
        return msgspec.json.encode(told)

    def headers(self) -> list[tuple[bytes, bytes]]:
        found = [(b"content-type", b"application/json")]
        if self.retry_after_s is not None:
            found.append((b"retry-after", str(self.retry_after_s).encode()))
        if self.status == 401:
            found.append((b"www-authenticate", b"Bearer"))
        return found


def not_ready(reason: str, *, retry_after_s: int = 1) -> NoAnswerError:
    return NoAnswerError(503, "not_ready", reason, retry_after_s=retry_after_s)


def stale(reason: str, *, retry_after_s: int = 1) -> NoAnswerError:
    return NoAnswerError(503, "stale", reason, retry_after_s=retry_after_s)


def wrong(reason: str) -> NoAnswerError:
    return NoAnswerError(422, "bad_parameter", reason)


def unknown(reason: str) -> NoAnswerError:
    return NoAnswerError(404, "unknown", reason)


def busy(reason: str) -> NoAnswerError:
    return NoAnswerError(503, "busy", reason, retry_after_s=1)
