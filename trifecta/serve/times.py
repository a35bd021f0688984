"""Times as clients write and read them: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from trifecta.clock import NS_PER_MS, NS_PER_S


def iso(ts_ns: int) -> str:
    """`2024-08-09T00:00:01.250Z`: milliseconds, rounded down."""
    seconds, rest = divmod(ts_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // NS_PER_MS:03d}Z"


def nanoseconds(moment: datetime) -> int:
    """ns since 1970 of a time with a zone, or of one without taken as UTC; whole microseconds."""
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = utc - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
