"""Published bytecode for the emulator's chain, fetched once from the npm registry and kept in a folder."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trifecta.emulator.config import EmulatorError

UNISWAP, VIEM = "@uniswap/v2-core@1.0.1", "viem@2.57.20"
TIMEOUT_S = 120.0
KEPT = "contracts.json"
SHA256 = {
    "factory": "f63e746d7b70f50f2d4c27111bf82007dfe76a59282ad35dbe7c7abddb2c88a0",
    "pair": "8cafeda79b9894fdfd572b60303fc0cfa6ecd2e30694eb8aad816d7c6344303f",
    "token": "3cf46918a1f8f7b06d87db224af22215f9168ae4de9f1a03fa4c00077511377d",
    "multicall": "93487f22ff9c9803bb6f85bfe5e3cd0f246f1016bf045d15d4c951912d267a68",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """What is needed to deploy and call a contract."""

    abi: list[dict[str, Any]]
    bytecode: str


def contracts(folder: Path) -> dict[str, Contract]:
    """Uniswap's factory, pair and test token, and Multicall3.

    Raises:
        EmulatorError: npm is missing or gave no packages, or they are not what they were.
    """
    kept = folder / KEPT
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            whole = Path(aside) / KEPT
            whole.write_text(json.dumps(_fetch(Path(aside))))
            whole.replace(kept)
    told = json.loads(kept.read_text())
    for name, expected in SHA256.items():
        found = hashlib.sha256(told[name]["bytecode"].encode()).hexdigest()
        if found != expected:
            kept.unlink()
            raise EmulatorError(f"bytecode of {name} has sha256 {found}, expected {expected}: the package was changed")
    return {name: Contract(**told[name]) for name in SHA256}


def _fetch(folder: Path) -> dict[str, dict[str, Any]]:
    npm = shutil.which("npm")
    if npm is None:
        raise EmulatorError("npm = None: install Node.js, whose npm fetches the pair contract's bytecode")
    try:
        done = subprocess.run(
            [npm, "pack", "--silent", UNISWAP, VIEM], cwd=folder, capture_output=True, timeout=TIMEOUT_S, check=True,
            text=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise EmulatorError(f"npm pack {UNISWAP} {VIEM} failed: {error}") from error
    archives = [folder / name for name in done.stdout.split() if name.endswith(".tgz")]
    try:
        uniswap, viem = archives
        made = {
            name: _artifact(uniswap, f"package/build/{file}.json")
            for name, file in (("factory", "UniswapV2Factory"), ("pair", "UniswapV2Pair"), ("token", "ERC20"))
        }
        made["multicall"] = {"abi": [], "bytecode": _multicall(viem)}
    except (ValueError, KeyError, OSError, tarfile.TarError) as error:
        raise EmulatorError(f"packages {[path.name for path in archives]} are not as expected: {error!r}") from error
    return made


def _artifact(archive: Path, member: str) -> dict[str, Any]:
    built = json.loads(_read(archive, member))
    return {"abi": built["abi"], "bytecode": built["bytecode"].removeprefix("0x")}


def _multicall(archive: Path) -> str:
    text = _read(archive, "package/_cjs/constants/contracts.js").decode()
    found = re.search(r"multicall3Bytecode = '0x([0-9a-f]+)'", text)
    if found is None:
        raise ValueError("no multicall3Bytecode")
    return found[1]


def _read(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as packed:
        source = packed.extractfile(member)
        if source is None:
            raise KeyError(member)
        return source.read()
