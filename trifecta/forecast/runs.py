"""Trained outputs on disk, so that training that was killed goes on with the next network instead of from the start.

One file a network and fold, written aside and renamed. Arrays and bytes only: nothing is unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from trifecta.forecast.minutes import Floats

PARTS = ("validation", "test")


class Outputs(NamedTuple):
    """What the heads say at some origins: float64 (origins,), (origins, 3) and (origins,)."""

    range: Floats
    volatility: Floats
    trend: Floats


class Shares(NamedTuple):
    """What the head of a direction says at some origins: float64 (origins, 3), P(down, neither, up)."""

    direction: Floats


O = TypeVar("O", Outputs, Shares)  # noqa: E741  what a network's heads say


class Run(NamedTuple, Generic[O]):
    """A network trained on one fold: its outputs on the later parts, the losses of each epoch, its ONNX graph."""

    validation: O
    test: O
    epochs: tuple[Mapping[str, float], ...]
    graph: bytes


class Runs(Generic[O]):
    """Runs by name below one folder, or none kept; `kind` is that of their outputs."""

    def __init__(self, folder: Path | None, kind: type[O]) -> None:
        self._folder = folder
        self._kind: type[O] = kind

    def get(self, name: str, make: Callable[[], Run[O]]) -> Run[O]:
        """The run kept under that name, or the one that `make` returns, which is kept then."""
        if self._folder is None:
            return make()
        path = self._folder / f"{name}.npz"
        if path.is_file():
            return _read(path, self._kind)
        made = make()
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{name}.tmp")
        with aside.open("wb") as file:
            np.savez(file, **_arrays(made))  # type: ignore[arg-type]  # its stub takes them for options
        aside.replace(path)
        return made


def kept(folder: Path | None, name: str, kind: type[O], *deciding: object) -> Runs[O]:
    """Runs below `folder` under their name and all that decides them, so that other data or code train anew."""
    return Runs(None if folder is None else folder / f"{name.replace('/', '-')}-{key(*deciding)}", kind)


def key(*parts: object) -> str:
    """16 hex digits of whatever decides a run: the same parts give the same key on every machine."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def digest(*arrays: Floats) -> str:
    """The same of the data themselves."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _arrays(run: Run[O]) -> dict[str, np.ndarray]:
    heads = {f"{part}_{head}": values for part in PARTS for head, values in _heads(run, part)}
    return heads | {
        "epochs": np.frombuffer(msgspec.json.encode(run.epochs), np.uint8),
        "graph": np.frombuffer(run.graph, np.uint8),
    }


def _heads(run: Run[O], part: str) -> list[tuple[str, Floats]]:
    return list(getattr(run, part)._asdict().items())


def _read(path: Path, kind: type[O]) -> Run[O]:
    with np.load(path, allow_pickle=False) as kept:
        parts = [kind(*(kept[f"{part}_{head}"] for head in kind._fields)) for part in PARTS]
        epochs = msgspec.json.decode(kept["epochs"].tobytes(), type=tuple[dict[str, float], ...])
        return Run(parts[0], parts[1], epochs, kept["graph"].tobytes())
