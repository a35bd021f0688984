"""Bytes into event columns, against msgspec decoding the same frames and doing nothing with them, and cryptofeed."""

from __future__ import annotations

import msgspec

from tests.bench.environment import PeerMissingError, peer
from tests.bench.measure import Verdict, cpu_s, race, rate, times_faster
from tests.bench.recorded import spot_files, spot_frames
from trifecta.venues import binance

Level = tuple[str, str]


class Trade(msgspec.Struct, gc=False):
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class Quote(msgspec.Struct, gc=False):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Depth(msgspec.Struct):
    E: int
    s: str
    U: int
    u: int
    b: list[Level]
    a: list[Level]


class TradeFrame(msgspec.Struct, gc=False):
    stream: str
    data: Trade


class QuoteFrame(msgspec.Struct, gc=False):
    stream: str
    data: Quote


class DepthFrame(msgspec.Struct):
    stream: str
    data: Depth


KIND_AT = len('{"stream":"btcusdt@')
DECODERS = {
    ord("t"): msgspec.json.Decoder(TradeFrame).decode,
    ord("b"): msgspec.json.Decoder(QuoteFrame).decode,
    ord("d"): msgspec.json.Decoder(DepthFrame).decode,
}


def decode_typed(payloads: list[bytes]) -> None:
    """What msgspec alone does with recorded frames; each result is dropped at once."""
    for payload in payloads:
        DECODERS[payload[KIND_AT]](payload)


def measure(*, quick: bool) -> list[Verdict]:
    batches, instruments = spot_frames()
    payloads = [payload for batch in batches for payload in batch.payloads if payload.startswith(b'{"stream"')]

    def ours() -> None:
        for batch in batches:
            binance.decode(batch, instruments)

    contestants = {"msgspec": lambda: cpu_s(lambda: decode_typed(payloads)), "ours": lambda: cpu_s(ours)}
    rounds = 3 if quick else 9
    try:
        with peer("cryptofeed_handler.py", *spot_files()) as cryptofeed:
            took = race({**contestants, "cryptofeed": cryptofeed.run}, rounds)
    except PeerMissingError as error:
        took = race(contestants, rounds)
        against = Verdict("decode / cryptofeed", None, "x", 4.0, note=str(error))
    else:
        note = f"cryptofeed {rate(took, 'cryptofeed', len(payloads)):,.0f} msg/s"
        against = Verdict("decode / cryptofeed", times_faster(took, "ours", "cryptofeed"), "x", 4.0, note=note)
    ours_rate, alone = (rate(took, name, len(payloads)) for name in ("ours", "msgspec"))
    note = f"{ours_rate:,.0f} msg/s, msgspec alone {alone:,.0f}"
    return [Verdict("decode / msgspec", times_faster(took, "ours", "msgspec"), "x", 0.35, note=note), against]
