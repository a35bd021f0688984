"""Binance's REST API, through python-binance, as frames for the journal: what was asked, and the untouched body.

Formats of the frames: `binance_answers.py`. Weights and limits: Binance's public API documentation, "Market Data
endpoints" of spot and USD-M futures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import aiohttp
import msgspec
from binance import AsyncClient

from trifecta.clock import NS_PER_MS, Clock
from trifecta.errors import SettingsError, VenueError, VenueRefusedError

TIMEOUT_S = 10.0
BAN_S = 120.0  # where a refusal for too many requests does not say how long: the shortest ban there is
MAX_RETRY_AFTER_S = 3 * 86_400.0  # the longest
_MINUTE_MS = 60_000
_UNKNOWN_SYMBOL = -1121
_NO_KEY = (-2014, -2015)  # "API-key format invalid", "Invalid API-key, IP, or permissions for action"

Frame = tuple[int, bytes]  # receive time ns, payload


class Budget(Protocol):
    """Where request weight comes from."""

    async def take(self, weight: int) -> None: ...
    def report(self, used: int) -> None: ...
    def block(self, seconds: float) -> None: ...


class Family(NamedTuple):
    """How one of Binance's markets is asked: through what of python-binance, its largest pages and their weights."""

    base: str  # the class attribute that holds the base URL
    request: str
    minute_weight: int  # of one address
    info_weight: int
    depth_limit: int
    depth_weight: int
    trades_limit: int
    trades_weight: int
    recent_limit: int
    recent_weight: int
    klines_limit: int
    klines_weight: int


FAMILIES = {
    "binance": Family("API_URL", "_request_api", 6000, 20, 1000, 50, 1000, 25, 1000, 25, 1000, 2),
    "binance_usdm": Family("FUTURES_URL", "_request_futures_api", 2400, 1, 1000, 20, 500, 20, 1000, 5, 1500, 10),
}


class Reply(NamedTuple):
    """An HTTP answer before anyone looked into it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Client(AsyncClient):  # type: ignore[misc]  # the library has no types
    """python-binance without its last step: that would parse the body, and the journal wants it untouched."""

    async def _handle_response(self, response: aiohttp.ClientResponse) -> Reply:
        return Reply(response.status, response.headers, await response.read())


class _RefusedError(VenueRefusedError):
    """Carries the venue's own number of the refusal."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Id(msgspec.Struct):
    id: int


class BinanceRest:
    """Market data by request. Every method waits for the budget and raises

    VenueError: no answer, or one that says "later"; `retry_after_s` tells when.
    VenueRefusedError: an answer that will not change.
    """

    def __init__(self, venue: str, base_url: str, *, budget: Budget, clock: Clock, api_key: str = "") -> None:
        """Needs a running event loop.

        Args:
            base_url: without the version, like https://api.binance.com/api
            api_key: only USD-M's trades by id ask for one.

        Raises:
            SettingsError: this venue is not known here.
        """
        if venue not in FAMILIES:
            raise SettingsError(f"venue {venue!r} has no REST API here: use one of {', '.join(FAMILIES)}")
        self.venue = venue
        self._family = FAMILIES[venue]
        self._budget = budget
        self._clock = clock
        client = type("_Client", (_Client,), {self._family.base: base_url})
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._client = client(api_key=api_key or None, requests_params={"timeout": timeout})

    async def close(self) -> None:
        await self._client.close_connection()

    async def exchange_info(self, symbols: Sequence[str]) -> Frame:
        """Filters of these symbols; of all symbols where the venue can't be asked for some. Unknown ones are left out.

        Raises:
            VenueRefusedError: none of them is known.
        """
        if self.venue != "binance":
            return await self._exchange_info({})
        try:
            return await self._exchange_info(_these(symbols))
        except _RefusedError as refused:
            if refused.code != _UNKNOWN_SYMBOL or len(symbols) == 1:
                raise
        known = [symbol for symbol in symbols if await self._is_known(symbol)]
        return await self._exchange_info(_these(known or symbols))

    async def depth(self, symbol: str) -> Frame:
        """The book, as deep as a fair weight goes."""
        family = self._family
        asked = {"symbol": symbol, "limit": family.depth_limit}
        stamp, body = await self._ask("depth", family.depth_weight, asked)
        return stamp, _wrap("depth", body, symbol=symbol)

    async def time(self) -> Frame:
        """The venue's clock, with the time of the request; the receive time is when the answer came."""
        sent = self._clock.now_ns()
        stamp, body = await self._ask("time", 1, {})
        return stamp, _wrap("time", body, sent=sent)

    async def klines(self, symbol: str, bars: int) -> list[Frame]:
        """The last `bars` minutes, oldest first, in as few pages as the venue allows.

        Pages overlap by a bar: the last one of an answer may still be open, so its reader leaves it out.
        """
        family = self._family
        now_ms = self._clock.now_ns() // NS_PER_MS
        start_ms = now_ms - now_ms % _MINUTE_MS - (bars - 1) * _MINUTE_MS
        frames = []
        for done in range(0, max(bars - 1, 1), family.klines_limit - 1):
            limit = min(bars - done, family.klines_limit)
            asked = {"symbol": symbol, "interval": "1m", "startTime": start_ms + done * _MINUTE_MS, "limit": limit}
            stamp, body = await self._ask("klines", family.klines_weight, asked)
            frames.append((stamp, _wrap("klines", body, symbol=symbol)))
        return frames

    async def trades(self, symbol: str, first_id: int, last_id: int) -> tuple[list[Frame], int]:
        """Frames for the first page of trades `first_id..last_id`, and the first id they say nothing about.

        What the venue refuses for good becomes a frame that says why: whoever reads it takes those ids for lost.
        """
        family = self._family
        end = min(last_id, first_id + family.trades_limit - 1)
        asked = {"symbol": symbol, "fromId": first_id, "limit": end - first_id + 1}
        try:
            stamp, body = await self._ask("historicalTrades", family.trades_weight, asked)
        except _RefusedError as refused:
            if refused.code in _NO_KEY:
                return await self._recent(symbol, first_id, last_id), last_id + 1
            return [self._lost(symbol, first_id, last_id, str(refused))], last_id + 1
        return [(stamp, _wrap("historicalTrades", body, symbol=symbol, first_id=first_id, last_id=end))], end + 1

    async def _recent(self, symbol: str, first_id: int, last_id: int) -> list[Frame]:
        """What the newest trades, which need no key, hold of a span. The rest of it is lost.

        The only answer that is not journaled as it came: it is cut to the trades asked for, each of them untouched,
        so that it reads like an answer to the request that was refused.
        """
        family = self._family
        asked = {"symbol": symbol, "limit": family.recent_limit}
        stamp, body = await self._ask("trades", family.recent_weight, asked)
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
        by_id = {msgspec.json.decode(item, type=_Id).id: bytes(item) for item in items}
        covered = max(first_id, min(by_id, default=last_id + 1))
        frames = []
        if covered > first_id:
            why = f"{self.venue} gives trades by id only to API keys, and only the newest {len(by_id)} without"
            frames.append(self._lost(symbol, first_id, min(covered - 1, last_id), why))
        if covered <= last_id:
            found = b",".join(by_id[number] for number in range(covered, last_id + 1) if number in by_id)
            wrapped = _wrap("historicalTrades", b"[%b]" % found, symbol=symbol, first_id=covered, last_id=last_id)
            frames.append((stamp, wrapped))
        return frames

    def _lost(self, symbol: str, first_id: int, last_id: int, why: str) -> Frame:
        span = {"symbol": symbol, "first_id": first_id, "last_id": last_id, "error": why}
        return self._clock.now_ns(), msgspec.json.encode({"rest": "historicalTrades", **span})

    async def _exchange_info(self, asked: dict[str, Any]) -> Frame:
        stamp, body = await self._ask("exchangeInfo", self._family.info_weight, asked)
        return stamp, _wrap("exchangeInfo", body)

    async def _is_known(self, symbol: str) -> bool:
        try:
            await self._exchange_info(_these([symbol]))
        except VenueRefusedError:
            return False
        return True

    async def _ask(self, endpoint: str, weight: int, asked: dict[str, Any]) -> tuple[int, bytes]:
        """(receive time ns, body) of a good answer."""
        await self._budget.take(weight)
        what = f"{self.venue} {endpoint} {asked.get('symbol', '')}".rstrip()
        try:
            reply: Reply = await getattr(self._client, self._family.request)("get", endpoint, data=dict(asked))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise VenueError(f"{what}: no answer ({type(error).__name__}: {error}); tried again later") from error
        stamp = self._clock.now_ns()
        used = reply.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isdecimal():
            self._budget.report(int(used))
        if reply.status != 200:
            raise self._error(what, asked, reply)
        try:
            msgspec.json.decode(reply.body, type=msgspec.Raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VenueError(f"{what}: the answer is not JSON ({error}): {reply.body[:100]!r}") from error
        return stamp, reply.body

    def _error(self, what: str, asked: dict[str, Any], reply: Reply) -> VenueError | _RefusedError:
        """What an answer other than 200 means."""
        try:
            refusal = msgspec.json.decode(reply.body, type=_Refusal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refusal = _Refusal(msg=repr(reply.body[:100]))
        message = f"{what} with {asked}: HTTP {reply.status}, {refusal.msg} ({refusal.code})"
        if reply.status in (403, 418, 429):
            given = reply.headers.get("Retry-After", "")
            wait_s = min(float(given), MAX_RETRY_AFTER_S) if given.isdecimal() else BAN_S
            self._budget.block(wait_s)
            return VenueError(f"{message}; no request for {wait_s:.0f} s", retry_after_s=wait_s)
        if reply.status >= 500:
            return VenueError(f"{message}; tried again later")
        if reply.status == 451:
            message += "; the venue does not serve this location: disable it, or use market = simulated"
        return _RefusedError(message, refusal.code)


def _these(symbols: Sequence[str]) -> dict[str, Any]:
    return {"symbols": quote(msgspec.json.encode(list(symbols)).decode())}  # the library escapes only `symbol`


def _wrap(rest: str, body: bytes, **given: str | int) -> bytes:
    """`{"rest":..,<given>,"data":<body>}`"""
    return msgspec.json.encode({"rest": rest, **given})[:-1] + b',"data":' + body + b"}"
