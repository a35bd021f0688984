"""The bus between a publisher, the forwarder and subscribers, over real sockets."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from threading import Thread

import msgspec
import pytest
import zmq

from tests.ports import free_port
from trifecta import bus
from trifecta.errors import SettingsError
from trifecta.market.events import OrderFlow

HOST = "tcp://127.0.0.1"


def second(number: int) -> OrderFlow:
    return OrderFlow(
        venue="sim_binance",
        symbol="BTCUSDT",
        ts_event=number,
        ts_recv=number + 1,
        buy_volume=0.1,
        sell_volume=0.2,
        volume_imbalance=-1 / 3,
        large_trades_ratio=0.0,
        aggressive_buy_ratio=0.5,
        aggressive_sell_ratio=0.5,
        bid_ask_spread=math.nan,
        order_book_imbalance=math.nan,
        volume_weighted_price=61837.63,
        trade_intensity=0.2,
        trades=12,
        high=math.nan,
        low=math.nan,
        last_price=61837.63,
        bid=math.nan,
        ask=math.nan,
        ready=True,
        book_valid=False,
        complete=True,
    )


@pytest.fixture
def address() -> Iterator[str]:
    """Where subscribers find a running forwarder."""
    where = f"{HOST}:{free_port()}"
    thread = Thread(target=bus.forward, args=(where,))
    thread.start()
    yield where
    zmq.Context.instance().term()
    thread.join()


async def until_heard(publisher: bus.Publisher, listener: AsyncIterator[OrderFlow], number: int) -> OrderFlow:
    """Publishes one second again and again until the subscriber, which may still be connecting, has it."""
    heard = asyncio.ensure_future(anext(listener))
    while not heard.done():
        publisher.second(second(number))
        await asyncio.wait({heard}, timeout=0.01)
    return heard.result()


async def test_a_second_reaches_every_subscriber_as_it_was_published(address: str) -> None:
    async with aclosing(bus.seconds(address)) as one, aclosing(bus.seconds(address)) as other:
        with bus.Publisher(address) as publisher:
            for listener in (one, other):
                row = await until_heard(publisher, listener, 5)
                assert repr(row) == repr(second(5))  # repr, because NaN is not equal to itself


async def test_a_late_subscriber_hears_what_is_published_from_then_on(address: str) -> None:
    with bus.Publisher(address) as publisher:
        async with aclosing(bus.seconds(address)) as early:
            await until_heard(publisher, early, 1)
            async with aclosing(bus.seconds(address)) as late:
                assert (await until_heard(publisher, late, 2)).ts_event == 2


async def test_a_publisher_may_go_and_another_come(address: str) -> None:
    async with aclosing(bus.seconds(address)) as listener:
        with bus.Publisher(address) as first:
            await until_heard(first, listener, 1)
        with bus.Publisher(address) as second_one:
            row = await until_heard(second_one, listener, 2)
            while row.ts_event == 1:  # sent by the first, still on its way
                row = await anext(listener)
            assert row.ts_event == 2


def test_publishing_to_nobody_neither_fails_nor_waits() -> None:
    with bus.Publisher(f"{HOST}:{free_port()}") as publisher:
        for number in range(3 * bus.HIGH_WATER_MARK):
            publisher.second(second(number))


@pytest.mark.parametrize("taken", [0, 1])
def test_a_port_in_use_is_named_with_its_setting(taken: int) -> None:
    port = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port + taken))
        holder.listen()
        with pytest.raises(SettingsError, match=rf":{port + taken} .*TRIFECTA_BUS_ADDRESS"):
            bus.forward(f"{HOST}:{port}")


@pytest.mark.parametrize(
    "address", ["", "5570", "tcp://127.0.0.1", "127.0.0.1:5570", "tcp://h:0", "tcp://h:65535", "tcp://h:port"]
)
def test_an_address_without_two_ports_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="TRIFECTA_BUS_ADDRESS"):
        bus.publish_address(address)


def test_publishers_use_the_port_above() -> None:
    assert bus.publish_address("tcp://127.0.0.1:5570") == "tcp://127.0.0.1:5571"


async def test_threads_that_publish_at_once_keep_their_messages_whole(address: str) -> None:
    with bus.Publisher(address) as publisher:
        async with aclosing(bus.seconds(address)) as listener:
            await until_heard(publisher, listener, 0)
            threads = [Thread(target=_publish, args=(publisher, first)) for first in range(1, 4001, 1000)]
            for thread in threads:
                thread.start()
            heard = {0}
            async with asyncio.timeout(60):
                while len(heard) < 4001:
                    heard.add((await anext(listener)).ts_event)
            for thread in threads:
                thread.join()
    assert heard == set(range(4001))


def _publish(publisher: bus.Publisher, first: int) -> None:
    for number in range(first, first + 1000):
        publisher.second(second(number))


async def test_a_message_of_another_shape_is_an_error_that_listeners_know(address: str) -> None:
    with bus.Publisher(address) as publisher:
        async with aclosing(bus.seconds(address)) as listener:
            await until_heard(publisher, listener, 0)
            publisher._socket.send_multipart((bus.SECONDS_TOPIC, b"one", b"two"))
            with pytest.raises(msgspec.MsgspecError):
                await asyncio.wait_for(_listen(listener), 60)


async def _listen(listener: AsyncIterator[OrderFlow]) -> None:
    async for _ in listener:
        pass
