"""Pools of every chain: read, journaled as the node answered, and stored once a block."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture import rows
from trifecta.capture.breaker import Breaker
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Rows
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import identity
from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import DataError, SettingsError, TransientError, VenueError
from trifecta.market.events import Frames
from trifecta.market.known_pools import KNOWN_POOLS
from trifecta.market.pools import MULTICALL3, PoolReading, PoolSpec
from trifecta.market.quarantine import MAX_PAYLOAD, Quarantined, Reason
from trifecta.market.tokens import KNOWN, Token, TokenRegistry, TokenType
from trifecta.settings import Market, Settings
from trifecta.venues.pocket import fetch
from warehouse.lake import Lake

if TYPE_CHECKING:
    from trifecta.venues.dex import Frame, PoolState

NAME = "dex"
CHAIN_PATH = "/chain"
SEGMENT_BYTES = 8 * 1024 * 1024
RETRY_S = 30.0


class Chain(NamedTuple):
    """What is read of one chain."""

    chain_id: int
    endpoints: list[str]
    pools: list[PoolSpec]
    multicall: str


@dataclass(frozen=True, slots=True)
class Naming:
    """Which pools and tokens are known, by chain and address; `prefix` goes before a venue's name."""

    pools: Mapping[tuple[int, str], PoolSpec]
    registry: TokenRegistry
    prefix: str

    def reading(self, frame: Frame, state: PoolState, ts_recv: int) -> PoolReading | None:
        """A pool's state with its names; None for a pool or token that nobody knows."""
        pool = self.pools.get((frame.chain_id, state.pool.lower()))
        if pool is None:
            return None
        first, second = (self.registry.find(frame.chain_id, address) for address in (pool.token0, pool.token1))
        if first is None or second is None:
            return None
        return PoolReading(
            venue=f"{self.prefix}{pool.venue}",
            chain_id=frame.chain_id,
            address=pool.address,
            token0=first,
            token1=second,
            reserve0=str(state.reserves.token0),
            reserve1=str(state.reserves.token1),
            fee_bps=pool.fee_bps,
            block_number=frame.number,
            block_hash=frame.hash,
            ts_event=frame.time_s * NS_PER_S,
            ts_recv=ts_recv,
            gas_price_wei=frame.gas_price_wei,
        )


class PoolRows:
    """Readings as rows of `pool_reserves` and `quarantine`; a block counts once, and none behind the newest."""

    def __init__(self, naming: Naming, newest: Mapping[int, int]) -> None:
        self.counts: Counter[str] = Counter()
        self.last_position = -1
        self.last_ts_recv = 0
        self._naming = naming
        self._newest = defaultdict(lambda: -1, newest)
        self._made: list[tuple[int, dict[str, Any]]] = []
        self._quarantined: list[Quarantined] = []

    def process(self, frames: Frames) -> None:
        """Takes in the next readings."""
        from trifecta.venues.dex import read_frame  # noqa: PLC0415  web3 takes 60 MB: only where pools are read

        for row, payload in enumerate(frames.payloads):
            position, ts_recv = frames.first_position + row, int(frames.ts_recv[row])
            self.last_position, self.last_ts_recv = position, ts_recv
            try:
                frame, states, doubts = read_frame(payload)
            except DataError as error:
                self._refuse(position, ts_recv, str(error), payload)
                continue
            for doubt in doubts:
                self._refuse(position, ts_recv, doubt, payload)
            if frame.number <= self._newest[frame.chain_id]:
                self.counts["repeats"] += 1
                continue
            self._newest[frame.chain_id] = frame.number
            for state in states:
                self._take(position, ts_recv, frame, state, payload)

    def take(self) -> Rows:
        """Drains what was accumulated."""
        tables = {}
        if self._made:
            positions = np.array([position for position, _ in self._made], np.int64)
            tables["pool_reserves"] = _table([made for _, made in self._made]), positions
        if self._quarantined:
            positions = np.array([one.position for one in self._quarantined], np.int64)
            tables["quarantine"] = rows.quarantine(f"{self._naming.prefix}{NAME}", self._quarantined), positions
        self._made, self._quarantined = [], []
        return Rows(tables, self.last_position)

    def _take(self, position: int, ts_recv: int, frame: Frame, state: PoolState, payload: bytes) -> None:
        reading = self._naming.reading(frame, state, ts_recv)
        if reading is None:
            self._refuse(position, ts_recv, f"pool {state.pool} of chain {frame.chain_id} is not known", payload)
            return
        self.counts["pools"] += 1
        first, second = reading.token0, reading.token1
        made = {
            "venue": reading.venue,
            "chain_id": reading.chain_id,
            "symbol": reading.symbol,
            "pool": reading.address,
            "token0": first.address,
            "token1": second.address,
            "decimals0": first.decimals,
            "decimals1": second.decimals,
            "reserve0": reading.reserve0,
            "reserve1": reading.reserve1,
            "fee_bps": float(reading.fee_bps),
            "block_number": reading.block_number,
            "block_hash": reading.block_hash,
            "ts_event": reading.ts_event,
            "ts_recv": ts_recv,
            "gas_price_wei": reading.gas_price_wei,
        }
        self._made.append((position, made))

    def _refuse(self, position: int, ts_recv: int, detail: str, payload: bytes) -> None:
        text = payload[:MAX_PAYLOAD].decode("utf-8", "replace")
        self._quarantined.append(Quarantined(position, ts_recv, "", "pool", Reason.MALFORMED, detail, text))
        self.counts["quarantined"] += 1


async def follow_pools(settings: Settings, publisher: Publisher, clock: Clock) -> None:
    """Reads the pools of every chain, publishes and commits what was read, until cancelled.

    Raises:
        VenueError: the emulator has no chain, or has none yet.
        SettingsError: a pool's tokens are not in the registry.
    """
    if not settings.dex.enabled:
        return
    chains, registry = await asyncio.to_thread(chains_of, settings)
    if not chains:
        logger.warning(
            'pools are skipped: no chain has an endpoint; set TRIFECTA_DEX__CHAINS=\'{"1": {"endpoints": [...]}}\''
        )
        return
    pools = {(pool.chain_id, pool.address.lower()): pool for chain in chains for pool in chain.pools}
    naming = Naming(pools, registry, settings.source(""))
    folder = settings.journal_dir / NAME
    journal = await asyncio.to_thread(lambda: JournalWriter.open(folder, segment_bytes=SEGMENT_BYTES))
    try:
        identity(folder)
        async with asyncio.TaskGroup() as group:
            for chain in chains:
                group.create_task(_read(chain, naming, journal, publisher, settings.dex.poll_s, clock))
            derive = PushedJournal(settings, NAME, clock, lambda lake: PoolRows(naming, newest_blocks(lake)))
            group.create_task(derive.run())
    finally:
        await asyncio.to_thread(journal.close)


async def _read(
    chain: Chain, naming: Naming, journal: JournalWriter, publisher: Publisher, poll_s: float, clock: Clock
) -> None:
    from trifecta.venues.dex import ChainReader, read_frame  # noqa: PLC0415

    reader = ChainReader(chain.chain_id, chain.endpoints, chain.pools, naming.registry, multicall=chain.multicall)
    breaker, last = Breaker(clock), -1
    while True:
        if not breaker.is_open:
            try:
                frame = await asyncio.to_thread(reader.read)
                if frame.number > last:
                    ts_recv, payload = clock.now_ns(), msgspec.json.encode(frame)
                    journal.append([(ts_recv, payload)])
                    last = frame.number
                    for state in read_frame(payload)[1]:
                        if (reading := naming.reading(frame, state, ts_recv)) is not None:
                            publisher.pool(reading)
                breaker.succeed()
            except TransientError as error:
                if breaker.fail():
                    logger.warning("pools of chain {} are skipped for a while: {}", chain.chain_id, error)
        await asyncio.sleep(poll_s)


def chains_of(settings: Settings) -> tuple[list[Chain], TokenRegistry]:
    """What to read, and the tokens in it: the configured chains, or the emulator's own.

    Raises:
        VenueError: the emulator has no chain.
    """
    if settings.market is not Market.LIVE:
        return _emulated(settings.emulator_url + CHAIN_PATH)
    chains = []
    for chain_id, chosen in settings.dex.chains.items():
        endpoints = [endpoint.get_secret_value() for endpoint in chosen.endpoints]
        own = [PoolSpec(chain_id=chain_id, **pool.model_dump()) for pool in chosen.pools]
        pools = [*own, *(pool for pool in KNOWN_POOLS if pool.chain_id == chain_id)]
        if endpoints and pools:
            chains.append(Chain(chain_id, endpoints, pools, MULTICALL3))
    return chains, TokenRegistry(KNOWN)


def newest_blocks(lake: Lake) -> dict[int, int]:
    """The newest block of each chain that the lake has."""
    newest: dict[int, int] = {}
    for file in lake.stored("pool_reserves"):
        for batch in file.read(("chain_id", "block_number")):
            chains, blocks = batch.numbers("chain_id"), batch.numbers("block_number")
            for chain in np.unique(chains).tolist():
                newest[chain] = max(newest.get(chain, 0), int(blocks[chains == chain].max()))
    return newest


def _emulated(url: str) -> tuple[list[Chain], TokenRegistry]:
    try:
        told = msgspec.json.decode(fetch(url))
        chain_id = int(told["chain_id"])
        tokens = [
            Token(chain_id, one["address"], one["symbol"], one["decimals"], TokenType(one["type"]), one["asset"])
            for one in told["tokens"]
        ]
        pools = [PoolSpec(chain_id=chain_id, **one) for one in told["pools"]]
    except (KeyError, TypeError, ValueError, HTTPException, SettingsError) as error:
        raise VenueError(f"the emulator's chain at {url} cannot be read: {error!r}") from error
    return [Chain(chain_id, [url], pools, told["multicall"])], TokenRegistry(tokens)


def _table(made: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns: dict[str, rows.Column] = {name: _column([one[name] for one in made]) for name in made[0]}
    columns["date"] = rows.dates(np.array([one["ts_recv"] for one in made], np.int64))
    return rows.table("pool_reserves", columns, len(made))


def _column(values: list[Any]) -> rows.Column:
    return values if isinstance(values[0], str) else np.array(values)
