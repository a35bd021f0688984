"""Binary-option signals in the style of Pocket Option, fetched as JSON.

    {"signals":[{"id":"a1","pair":"EURUSD","direction":"CALL","probability":72.5,"expiry":60,
                 "timestamp":1723161600123,"payout":0.85}]}

`probability` in percent, `expiry` in seconds from receipt, `timestamp` in ms UTC, `payout` per unit staked. There is no
official interface: whatever serves this form at a URL is a feed.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.errors import SettingsError, VenueError
from trifecta.market.events import BinarySignal
from trifecta.market.quarantine import Reason

NAME = "pocket"
TIMEOUT_S = 5.0
MAX_BODY_BYTES = 1024 * 1024
FUTURE_S = 5.0
OLD_S = 3600.0  # a signal made longer ago is no signal, whatever its source says


class Item(msgspec.Struct, frozen=True):
    """One signal as the feed writes it."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    pair: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{3,24}$")]
    direction: Literal["CALL", "PUT"]
    probability: Annotated[float, Meta(ge=0, le=100)]
    expiry: Annotated[int, Meta(ge=5, le=86_400)]
    timestamp: Annotated[int, Meta(ge=0, lt=2**43)]
    payout: Annotated[float, Meta(gt=0, le=10)] = 0.85


class Body(msgspec.Struct, frozen=True):
    """An answer of a feed; each signal is read by itself, so a bad one harms no other."""

    signals: list[msgspec.Raw]


class Refused(NamedTuple):
    """What is no signal, and why."""

    text: str
    reason: Reason
    detail: str


def read(body: bytes, venue: str, ts_recv: int) -> tuple[list[BinarySignal], list[Refused]]:
    """Signals of an answer, and what in it is none."""
    try:
        items = msgspec.json.decode(body, type=Body).signals
    except (ValueError, RecursionError) as error:
        return [], [Refused(body.decode("utf-8", "replace"), Reason.MALFORMED, str(error))]
    signals, refused = [], []
    for raw in items:
        found = _read_one(bytes(raw), venue, ts_recv)
        if isinstance(found, Refused):
            refused.append(found)
        else:
            signals.append(found)
    return signals, refused


def fetch(url: str, token: str = "") -> bytes:
    """The body that a feed answers with; blocks for `TIMEOUT_S` at most.

    Raises:
        VenueError: no answer, or not 200.
        SettingsError: not a URL of http or https.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsError(f"scan.binary.feed_url {url!r} must be an http or https URL")
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname, address.port, timeout=TIMEOUT_S)
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(
            "GET", f"{address.path or '/'}{'?' + address.query if address.query else ''}", headers=headers
        )
        answer = connection.getresponse()
        body = answer.read(MAX_BODY_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise VenueError(f"{address.hostname} does not answer: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200 or len(body) > MAX_BODY_BYTES:
        raise VenueError(f"{address.hostname} answered {answer.status} and {len(body)} bytes to GET {address.path}")
    return body


def _read_one(raw: bytes, venue: str, ts_recv: int) -> BinarySignal | Refused:
    text = raw.decode("utf-8", "replace")
    try:
        item = msgspec.json.decode(raw, type=Item)
    except (ValueError, RecursionError) as error:
        return Refused(text, Reason.MALFORMED, str(error))
    ts_event = item.timestamp * NS_PER_MS
    ahead_s = (ts_event - ts_recv) / NS_PER_S
    if ahead_s > FUTURE_S:
        return Refused(text, Reason.FROM_THE_FUTURE, f"timestamp {item.timestamp} is {ahead_s:.1f} s ahead of ours")
    if ahead_s < -OLD_S:
        return Refused(text, Reason.NO_TIME, f"timestamp {item.timestamp} is {-ahead_s:.0f} s old, at most {OLD_S:g}")
    return BinarySignal(
        venue=venue,
        symbol=item.pair.upper(),
        signal_id=item.id,
        ts_event=ts_event,
        ts_recv=ts_recv,
        direction=1 if item.direction == "CALL" else -1,
        probability=item.probability / 100,
        expiry_s=item.expiry,
        payout=item.payout,
    )
