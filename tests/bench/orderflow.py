"""The ten features of the trailing 60 s over millions of trades, against pandas and polars computing the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tests.bench import market
from tests.bench.environment import PeerMissingError, peer
from tests.bench.measure import Seconds, Verdict, cpu_s, one_core, race, rate, times_faster
from trifecta.features.orderflow import OrderFlowWindow
from trifecta.market.events import FEATURES
from trifecta.market.instruments import Instrument

TRADES, QUICK_TRADES = 20_000_000, 2_000_000
ROUNDS_A_BATCH = 50  # of the recorded market: about a million trades
TARGETS = (("pandas", 15.0), ("polars", 3.0))
CLOSE = {"rtol": 1e-7, "atol": 1e-9}


def measure(*, quick: bool) -> list[Verdict]:
    one_core()
    trades, instrument = market.recorded_trades()
    total = QUICK_TRADES if quick else TRADES
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "trades.npz"
        ours = _save_for_peers(given, trades, instrument, total)
        return [_against(name, target, given, ours, trades, instrument, total, quick) for name, target in TARGETS]


def _against(
    name: str,
    target: float,
    given: Path,
    ours: np.ndarray,
    trades: np.ndarray,
    instrument: Instrument,
    total: int,
    quick: bool,
) -> Verdict:
    label, saved = f"features / {name}", given.with_name(f"{name}.npy")
    try:
        with peer("dataframe_features.py", name, given, saved) as other:
            _must_agree(name, ours, np.load(saved))
            contestants = {"ours": lambda: _run(trades, instrument, total)[0], name: other.run}
            took: Seconds = race(contestants, 2 if quick else 3)
    except PeerMissingError as error:
        return Verdict(label, None, "x", target, note=str(error))
    note = f"{rate(took, 'ours', total) / 1e6:.1f} M trades/s, {name} {rate(took, name, total) / 1e6:.2f}; values agree"
    return Verdict(label, times_faster(took, "ours", name), "x", target, note=note)


def _run(trades: np.ndarray, instrument: Instrument, total: int) -> tuple[float, np.ndarray]:
    """(processor seconds, features) of our own pass, batch by batch; making the batches is not counted."""
    window, open_end, seconds_taken, parts = None, 0, 0.0, []
    for batch in market.tiles(trades, total, ROUNDS_A_BATCH):
        if window is None:
            open_end = (int(batch["ts_event"][0]) // market.SECOND + 1) * market.SECOND
            window = OrderFlowWindow(instrument, open_end)
        closed = market.closes(batch, open_end)
        book, complete = market.tops(closed.ends), np.ones(len(closed.ends), np.bool_)

        def advance(window=window, batch=batch, closed=closed, book=book, complete=complete) -> None:  # type: ignore[no-untyped-def]
            parts.append(window.advance(batch, closed, book, complete))

        seconds_taken += cpu_s(advance)
        open_end = closed.open_end
    return seconds_taken, np.concatenate(parts)


def _save_for_peers(path: Path, trades: np.ndarray, instrument: Instrument, total: int) -> np.ndarray:
    """Writes what peers compute from; returns our features (seconds, 10)."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("end", "age_s", "price", "qty", "buy")}
    open_end = 0
    for batch in market.tiles(trades, total, ROUNDS_A_BATCH):
        open_end = open_end or (int(batch["ts_event"][0]) // market.SECOND + 1) * market.SECOND
        closed = market.closes(batch, open_end)
        row = np.searchsorted(closed.positions, batch["position"], "right")
        end = np.append(closed.ends, closed.open_end)[row]
        columns["end"].append(end)
        columns["age_s"].append(np.clip((end - batch["ts_event"]) / 1e9, 0, 1))
        columns["price"].append(batch["price"] / 10.0**instrument.price_scale)
        columns["qty"].append(batch["qty"] / 10.0**instrument.qty_scale)
        columns["buy"].append(batch["side"] > 0)
        open_end = closed.open_end
    _, flow = _run(trades, instrument, total)
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    second = (whole.pop("end") - flow["ts_event"][0]) // market.SECOND
    known = second < len(flow)  # the last second is still open
    book = market.tops(flow["ts_event"])
    tick = 10.0**instrument.price_scale
    np.savez(
        path,
        second=second[known],
        bid=book["bid_price"][:, 0] / tick,
        ask=book["ask_price"][:, 0] / tick,
        bids=book["bid_qty"].sum(axis=1).astype(np.float64),
        asks=book["ask_qty"].sum(axis=1).astype(np.float64),
        **{name: column[known] for name, column in whole.items()},
    )
    return np.stack([flow[name] for name in FEATURES], axis=1)


def _must_agree(name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    for column, feature in enumerate(FEATURES):
        same = np.isclose(theirs[:, column], ours[:, column], equal_nan=True, **CLOSE)
        # A size that is exactly 3 x the mean is large or not by the last bit of a float: ours compares integers.
        allowed = 0.001 if feature == "large_trades_ratio" else 0.0
        if (~same).mean() > allowed:
            row = int(np.flatnonzero(~same)[0])
            raise SystemExit(
                f"{feature} of {name} differs in {(~same).sum()} of {len(same)} seconds, first at {row}: "
                f"{theirs[row, column]!r}, ours {ours[row, column]!r}"
            )
