"""`python -m trifecta.emulator --port 8900 --folder DIR`: one line when it is ready, then runs until it is stopped."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from trifecta.emulator.config import DEFAULT_SYMBOLS, EXCHANGES, EmulatorConfig, EmulatorError, MarketName
from trifecta.emulator.server import LABEL, Emulator


def parse(arguments: list[str]) -> EmulatorConfig:
    """The configuration that the command line asks for."""
    parser = argparse.ArgumentParser(prog="trifecta.emulator", description=f"{LABEL} Binance on loopback.")
    parser.add_argument("--folder", type=Path, required=True, help="where its record and state are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900, help="0 for any free one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--symbols", nargs="+", default=DEFAULT_SYMBOLS, metavar="SYMBOL")
    parser.add_argument("--markets", nargs="+", type=MarketName, default=list(MarketName), metavar="MARKET")
    parser.add_argument("--rate", type=float, default=100.0, help="frames a second over all symbols and markets")
    parser.add_argument("--exchanges", nargs="*", default=[], metavar="NAME", help=f"any of {', '.join(EXCHANGES)}")
    parser.add_argument("--exchange-rate", type=float, default=3.0, help="changes a second of each of their books")
    parser.add_argument("--dislocations", type=float, default=0.0, help="how often an hour one strays from the price")
    parser.add_argument("--history-days", type=int, default=30, help="days of klines before the first live trade")
    parser.add_argument("--recorded", nargs="+", type=Path, default=[], metavar="FILE", help="play these files")
    parser.add_argument("--speed", type=float, default=1.0, help="pace of a recording, 0 as fast as clients read")
    parser.add_argument("--keep-times", action="store_true", help="leave a recording's venue times as they are")
    parser.add_argument("--loop", action="store_true", help="start a recording again at its end")
    parser.add_argument("--no-wait", action="store_true", help="start a recording before anybody subscribes")
    parser.add_argument("--chain", type=Path, metavar="DIR", help="an EVM chain too; its bytecode is kept here")
    given = parser.parse_args(arguments)
    return EmulatorConfig(
        folder=given.folder,
        host=given.host,
        port=given.port,
        seed=given.seed,
        symbols=tuple(given.symbols),
        markets=tuple(given.markets),
        rate=given.rate,
        exchanges=tuple(given.exchanges),
        exchange_rate=given.exchange_rate,
        dislocations_per_hour=given.dislocations,
        history_days=given.history_days,
        recorded=tuple(given.recorded),
        speed=given.speed,
        shift_times=not given.keep_times,
        loop=given.loop,
        wait_for_client=not given.no_wait,
        chain=given.chain,
    )


async def run(config: EmulatorConfig) -> None:
    """Runs until SIGINT or SIGTERM, or until the market fails."""
    emulator = Emulator(config)
    await emulator.start()
    stopped = asyncio.Event()
    _on_signal(stopped.set)
    source = "recorded" if config.recorded else f"seed {config.seed}"
    sys.stdout.write(f"{LABEL} Binance ready on {emulator.base_url} ({source}), record in {config.folder}\n")
    sys.stdout.flush()
    waiting = [asyncio.create_task(stopped.wait()), asyncio.create_task(emulator.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await emulator.stop()


def _on_signal(act: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, act)
        except NotImplementedError:  # Windows has no loop handlers; its signals arrive between callbacks
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))


def main() -> int:
    try:
        asyncio.run(run(parse(sys.argv[1:])))
    except EmulatorError as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
