"""One file per venue: what to subscribe to, and how its bytes become events. The registry names them all."""

from __future__ import annotations

from collections.abc import Sequence

from trifecta.errors import SettingsError
from trifecta.venues.binance import COINM, SPOT, USDM, which
from trifecta.venues.venue import Venue

VENUES: dict[str, Venue] = {venue.name: venue for venue in (SPOT, USDM, COINM)}


def venue(name: str) -> Venue:
    """The venue of this name; `sim_binance` is spoken like `binance`.

    Raises:
        SettingsError: no such venue.
    """
    try:
        return VENUES[name.removeprefix("sim_")]
    except KeyError:
        raise SettingsError(f"venue {name!r} is unknown: use one of {', '.join(VENUES)}") from None


def detect(payloads: Sequence[bytes]) -> str:
    """Name of the venue whose frames these are.

    Raises:
        DataError: none that we know.
    """
    return which(payloads)
