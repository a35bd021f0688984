"""Settings for playing a recording: what is in it is what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trifecta.emulator.config import EmulatorError
from trifecta.emulator.recording import look
from trifecta.errors import DataError
from trifecta.ops.parts import MARKETS
from trifecta.settings import Settings, VenueSettings


def narrowed(settings: Settings, files: Sequence[Path]) -> Settings:
    """`settings` with the venues and symbols that `files` hold, and a default symbol among them.

    Raises:
        DataError: a file is no recording that can be played.
    """
    try:
        heads = [look(path) for path in files]
    except EmulatorError as error:
        raise DataError(f"{error}: --market recorded plays files of '<recv ns> <frame>' lines") from error
    venues = {
        name: VenueSettings(symbols=symbols)
        for name, market in MARKETS.items()
        if (symbols := sorted({symbol for head in heads if head.market == market for symbol in head.instruments}))
    }
    symbols = [symbol for venue in venues.values() for symbol in venue.symbols]
    default = settings.forecast.default_symbol
    forecast = settings.forecast.model_copy(
        update={"default_symbol": default if default in symbols or not symbols else symbols[0]}
    )
    return settings.model_copy(update={"venues": venues, "forecast": forecast})
