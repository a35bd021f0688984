"""What must be true before an order can cost money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from trifecta.errors import SettingsError
from trifecta.settings import KeySettings, Market, Settings, is_loopback

ACKNOWLEDGEMENT = "orders cost real money"


@dataclass(frozen=True, slots=True)
class Access:
    """A key and where it may be used. `base_url` is an emulator's; empty: the venue's own addresses."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    sandbox: bool = True
    base_url: str = ""
    password: str = field(default="", repr=False)


def access(settings: Settings, venue: str) -> Access:
    """The key to trade live at `venue`.

    Raises:
        SettingsError: names the one condition of live trading that is missing.
    """
    keys = _allowed(settings, venue)
    env = f"TRIFECTA_TRADE__CREDENTIALS__{venue.upper()}"
    api_key, secret, password = (one.get_secret_value() for one in (keys.api_key, keys.secret, keys.password))
    _require(venue, bool(api_key), f"{venue}'s api_key", f"set {env}__API_KEY")
    _require(venue, bool(secret), f"{venue}'s secret", f"set {env}__SECRET")
    return Access(api_key, secret, keys.sandbox, emulator_url(settings, venue), password)


def check(settings: Settings) -> None:
    """Raises SettingsError where live trading is asked for and one of its conditions is missing at any venue."""
    if settings.trade.mode != "live":
        return
    if not settings.trade.credentials:
        raise SettingsError('trade.mode = "live" without a venue: set TRIFECTA_TRADE__CREDENTIALS__<VENUE>__API_KEY')
    for venue in settings.trade.credentials:
        terminal_sandboxed(settings) if venue == "mt5" else access(settings, venue)


def terminal_sandboxed(settings: Settings) -> bool:
    """Whether the MetaTrader 5 terminal may trade a demo account alone.

    Raises:
        SettingsError: names the one condition of live trading that is missing.
    """
    keys = _allowed(settings, "mt5")
    _require("mt5", settings.mt5.enabled, "mt5.enabled = false", "set it to true")
    named = bool(settings.mt5.login) or settings.market is not Market.LIVE
    _require("mt5", named, "mt5.login", "set it to the number of the account that may be traded")
    return keys.sandbox


def _allowed(settings: Settings, venue: str) -> KeySettings:
    """What every way to real money needs."""
    trade, live = settings.trade, settings.trade.live
    env = f"TRIFECTA_TRADE__CREDENTIALS__{venue.upper()}"
    _require(venue, trade.mode == "live", 'trade.mode = "paper"', 'set trade.mode = "live"')
    keys = trade.credentials.get(venue)
    _require(venue, keys is not None, f"trade.credentials.{venue}", f"set {env}__API_KEY and {env}__SECRET")
    order, day = bool(live.max_order_notional), bool(live.max_daily_notional)
    _require(venue, order, "trade.live.max_order_notional = 0", "set the most an order may move")
    _require(venue, day, "trade.live.max_daily_notional = 0", "set the most a day may move")
    said = live.acknowledge == ACKNOWLEDGEMENT
    _require(venue, said, "trade.live.acknowledge", f"set it to {ACKNOWLEDGEMENT!r}")
    return keys or KeySettings()


def _require(venue: str, holds: bool, what: str, remedy: str) -> None:
    if not holds:
        raise SettingsError(f"live trading at {venue} is refused: {what} is missing or does not allow it; {remedy}")


def emulator_url(settings: Settings, venue: str) -> str:
    """Where the emulator is this venue; empty on the live market. Prices that are simulated move no real money."""
    if settings.market is Market.LIVE:
        return ""
    return settings.emulator_url if venue == "binance" else f"{settings.emulator_url}/{venue}"


def reach(exchange: Any, told: Access) -> None:
    """Points a ccxt exchange where it may go, and looks where it would go before it does.

    Raises:
        SettingsError: a sandbox's key, and an address that is not known to be a sandbox.
    """
    tested = {urlsplit(url).hostname for url in _strings(exchange.urls.get("test"))}
    produced = {urlsplit(url).hostname for url in _strings(exchange.urls["api"])}
    if told.base_url:
        exchange.urls["api"] = _rewritten(exchange.urls["api"], told.base_url)
    elif told.sandbox:
        if not tested:
            raise SettingsError(f"{exchange.id} has no sandbox: set trade.credentials.{exchange.id}.sandbox = false")
        if tested & produced:
            raise SettingsError(
                f"{exchange.id} keeps its sandbox at its production address: nothing is started; "
                f"try at the emulator, or set trade.credentials.{exchange.id}.sandbox = false"
            )
        exchange.set_sandbox_mode(True)
    if told.sandbox:
        check_sandboxed(exchange, tested)


def check_sandboxed(exchange: Any, tested: set[str | None]) -> None:
    """Raises SettingsError where any address that orders go to is neither loopback nor a known test host."""
    for url in _strings(exchange.urls["api"]):
        host = urlsplit(url).hostname or ""
        if not is_loopback(host) and host not in tested:
            raise SettingsError(
                f"{exchange.id} in its sandbox would reach {host}, which is not a test address: nothing is started"
            )


def _strings(urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for value in urls.values():
            yield from _strings(value)
    elif isinstance(urls, str):
        yield urls


def _rewritten(urls: Any, base_url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _rewritten(value, base_url) for name, value in urls.items()}
    there, parts = urlsplit(base_url), urlsplit(urls)
    return urlunsplit((there.scheme, there.netloc, there.path.rstrip("/") + parts.path, parts.query, ""))
