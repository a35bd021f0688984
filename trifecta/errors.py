"""Every error Trifecta raises. `TransientError` means try again, `PermanentError` means tell a person."""

from __future__ import annotations


class TrifectaError(Exception):
    """Root of every error raised on purpose. Its message says what was found, expected and what to do."""


class TransientError(TrifectaError):
    """The same call may succeed later: a time-out, a full disk, a venue that asks to wait."""


class PermanentError(TrifectaError):
    """Nothing changes until a person acts."""


class SettingsError(PermanentError):
    """A setting is missing or wrong; the message names key, value and remedy."""


class DataError(PermanentError):
    """Input that cannot be what it claims to be; carries the reason that quarantine stores."""


class VenueError(TransientError):
    """A venue did not answer, or answered that it is busy."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class VenueRefusedError(PermanentError):
    """A venue understood the request and refused it: unknown symbol, id too old, bad key."""
