"""Price levels read from their text are what the JSON decoder and the tick arithmetic make of them."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trifecta.market.instruments import Instrument
from trifecta.venues.columns import levels
from trifecta.venues.decimals import read_levels

BTCUSDT = Instrument("binance", "BTCUSDT", price_scale=2, qty_scale=6)

whole = st.one_of(st.integers(0, 10**7), st.integers(0, 10**20)).map(str)
decimals = st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=9).map(".".__add__))
plain = st.builds("{}{}".format, whole, decimals)
odd = st.sampled_from(["", "-1", "+1", "1e3", "007", ".5", "5.", "NaN", "1_0", " 1", "1.0.0", "1,0"])
texts = st.lists(st.lists(st.tuples(plain, plain), max_size=4), min_size=1, max_size=4)
odd_texts = st.lists(st.lists(st.lists(st.one_of(plain, odd), max_size=3), max_size=4), min_size=1, max_size=4)


def raws(sides: object) -> list[msgspec.Raw]:
    return msgspec.json.decode(msgspec.json.encode(sides), type=list[msgspec.Raw])


@given(st.one_of(texts, odd_texts))
def test_levels_read_from_text_are_those_of_the_decoder_or_none(sides: list[list[tuple[str, str]]]) -> None:
    read = read_levels(raws(sides), BTCUSDT)
    if read is None:
        return
    decoded = msgspec.convert(sides, list[list[tuple[float, float]]], strict=False)
    expected, fit = levels(decoded, sum(map(len, decoded)), BTCUSDT)
    assert fit.all()
    assert np.array_equal(read[0], expected)
    assert read[1].tolist() == [len(side) for side in sides]


@given(
    st.lists(
        st.lists(
            st.tuples(st.decimals(1, 10**9, places=2).map(str), st.decimals(0, 10**8, places=6).map(str)), max_size=5
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_level_of_the_instruments_decimals_is_read_from_its_text(sides: list[list[tuple[str, str]]]) -> None:
    padded = [[(price + "000000", qty + "00") for price, qty in side] for side in sides]
    read = read_levels(raws(padded), BTCUSDT)
    assert read is not None
    assert len(read[0]) == sum(map(len, sides))


@given(
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=4), st.lists(st.integers(), max_size=2)), min_size=1)
)
def test_what_is_no_list_of_levels_is_left_to_the_decoder(sides: list[object]) -> None:
    assert read_levels(raws(sides), BTCUSDT) is None or all(side == [] for side in sides)
