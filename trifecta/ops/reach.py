"""Whether a venue answers from here, and how far this clock is from its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import DataError
from trifecta.ops import probe
from trifecta.settings import Settings

TIMEOUT_S = 5.0
WORST_CLOCK_S = 1.0
TIME_URLS = {
    "binance": "https://api.binance.com/api/v3/time",
    "binance_usdm": "https://fapi.binance.com/fapi/v1/time",
}


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of `trifecta doctor`."""

    about: str
    verdict: Verdict
    found: str
    remedy: str = ""


def venues(settings: Settings, clock: Clock) -> Iterator[Finding]:
    for venue, wanted in settings.venues.items():
        if wanted.enabled and venue in TIME_URLS:
            yield reachable(venue, TIME_URLS[venue], clock)


def reachable(venue: str, url: str, clock: Clock, ask: Callable[..., probe.Answer | None] = probe.get) -> Finding:
    """Whether the venue answers, and how far this clock is from its own."""
    sent_s = clock.now_ns() / NS_PER_S
    answer = ask(url, timeout_s=TIMEOUT_S)
    if answer is None or not answer.ok:
        found = "no answer" if answer is None else f"HTTP {answer.status}"
        if answer is not None and answer.status == 451:
            return Finding(venue, Verdict.FAIL, found, "this venue refuses your region: disable it in venues")
        return Finding(venue, Verdict.FAIL, found, f"check the network and proxy, or disable venues.{venue}")
    middle_s = (sent_s + clock.now_ns() / NS_PER_S) / 2
    try:
        offset_s = float(_server_time_ms(answer.body)) / 1e3 - middle_s
    except DataError as error:
        return Finding(venue, Verdict.FAIL, str(error), "a proxy answers in its place: check the network")
    if abs(offset_s) > WORST_CLOCK_S:
        return Finding(venue, Verdict.WARN, f"clock is {offset_s:+.2f} s off", "let the system keep time (NTP)")
    return Finding(venue, Verdict.OK, f"reached, clock {offset_s * 1e3:+.0f} ms")


def _server_time_ms(body: bytes) -> int:
    try:
        return int(json.loads(body)["serverTime"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"expected {{'serverTime': ms}}, got {body[:60]!r}") from error
