"""The live gateways that the settings allow."""

from __future__ import annotations

from trifecta.capture.terminal import login, terminal_api
from trifecta.clock import Clock
from trifecta.errors import SettingsError, VenueError
from trifecta.market.mt5 import warehouse_venue
from trifecta.settings import Market, Settings
from trifecta.trade.gateways.binance import Binance
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.live import access, check, terminal_sandboxed
from trifecta.trade.gateways.metatrader5 import Terminal
from trifecta.trade.gateways.unified import Unified


def of(settings: Settings, clock: Clock) -> dict[str, Gateway]:
    """A gateway to each venue of `trade.credentials`, by the name its data bears (`kraken`, `sim_kraken`).

    `mt5` among them is this machine's MetaTrader 5 terminal, by the name of its broker's server; it must be running.
    Nothing is asked of the others yet. On any market but the live one all go to the emulator, whatever the keys say.
    In paper mode there are none.

    Raises:
        SettingsError: names the one condition of live trading that is missing.
        VenueError: the terminal does not answer.
    """
    if settings.trade.mode != "live":
        return {}
    check(settings)
    return dict(_gateway(settings, venue, clock) for venue in settings.trade.credentials)


def _gateway(settings: Settings, venue: str, clock: Clock) -> tuple[str, Gateway]:
    if venue == "mt5":
        terminal = _terminal(settings, clock)
        return warehouse_venue(terminal.server), terminal
    allowed = access(settings, venue)
    return settings.source(venue), Binance(allowed, clock) if venue == "binance" else Unified(venue, allowed, clock)


def _terminal(settings: Settings, clock: Clock) -> Terminal:
    sandbox = terminal_sandboxed(settings)
    api = terminal_api(settings)
    if api is None:
        raise SettingsError(
            "trade.credentials.mt5: the package MetaTrader5 is not installed; it exists for Windows alone"
        )
    if not api.initialize(**login(settings)):
        raise VenueError(f"MetaTrader 5 does not answer {api.last_error()}: start the terminal and log in")
    own = settings.mt5.login if settings.market is Market.LIVE else 0
    return Terminal(api, clock, sandbox=sandbox, login=own)
