"""The emulator as a process of its own: its command line, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import websockets

from trifecta.emulator.__main__ import parse
from trifecta.emulator.config import EmulatorConfig, EmulatorError
from trifecta.emulator.record import read_trades
from trifecta.emulator.server import Emulator, running


@contextmanager
def process(folder, *arguments):
    command = [sys.executable, "-m", "trifecta.emulator", "--folder", str(folder), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            ready = emulator.stdout.readline()
            yield emulator, ready, ready.split(" on ")[1].split(" ")[0]
        finally:
            emulator.kill()


async def receive(url, count):
    path = "/ws/btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker"
    async with websockets.connect(url.replace("http", "ws") + path, compression=None) as socket:
        return [json.loads(await socket.recv()) for _ in range(count)]


@pytest.mark.system
async def test_killed_process_has_recorded_what_clients_saw_and_goes_on(tmp_path):
    seen = []
    for _ in range(3):
        with process(tmp_path, "--rate", "2000", "--symbols", "BTCUSDT", "--history-days", "2") as (
            emulator,
            ready,
            url,
        ):
            assert ready.startswith("SIMULATED Binance ready on http://127.0.0.1:")
            seen += await receive(url, 500)
            emulator.kill()
    trades = read_trades(tmp_path)
    trades = trades[trades["market"] == b"spot"]
    assert (np.diff(trades["id"]) == 1).all()
    told = {message["t"] for message in seen if message.get("e") == "trade"}
    assert told <= set(trades["id"].tolist())
    updates = [message["u"] for message in seen if message.get("e") == "depthUpdate"]
    assert updates == sorted(set(updates))


@pytest.mark.system
async def test_sigterm_ends_the_process_cleanly(tmp_path):
    with process(tmp_path, "--symbols", "BTCUSDT", "--history-days", "2") as (emulator, _, _):
        emulator.send_signal(signal.SIGTERM)
        assert emulator.wait(20) == 0
    assert (tmp_path / "state.json").exists()


async def test_two_emulators_never_share_a_folder(tmp_path):
    config = EmulatorConfig(tmp_path, symbols=("BTCUSDT",), history_days=1)
    async with running(config):
        with pytest.raises(EmulatorError, match=rf"folder = .*process {os.getpid()}.*another data folder"):
            Emulator(config)
    async with running(config):
        pass


def test_command_line_names_the_setting_that_is_wrong(tmp_path):
    with pytest.raises(EmulatorError, match=r"recorded = .*expected an existing file"):
        parse(["--folder", str(tmp_path), "--recorded", str(tmp_path / "none.gz")])


def test_command_line_becomes_the_configuration(tmp_path):
    config = parse(["--folder", str(tmp_path), "--symbols", "BTCUSDT", "--rate", "5", "--markets", "spot", "--loop"])
    assert (config.symbols, config.rate, config.markets, config.loop) == (("BTCUSDT",), 5.0, ("spot",), True)
