"""A forecast of the sidecar against its graph run bare: p50 of both, interleaved, on one thread.

    python -m tests.bench serving

The network is the documented LSTM with untrained weights, which take as long as trained ones; scaler, checks, interval
and the window made of closed seconds are those that serve.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort

from tests.bench.measure import Verdict, one_core
from tests.forecast import tiny
from trifecta.forecast import inputs
from trifecta.forecast.folders import GRAPH, INT8
from trifecta.forecast.graph import INPUT, OUTPUTS, Graph

# TensorFlow in a process of its own: its threads must not weigh on what is measured.
EXPORT = """
import sys
from pathlib import Path
from trifecta.forecast import fitting, inputs
from trifecta.forecast.networks import build, named
from trifecta.forecast.quantized import quantized
fitting.prepare(1)
graph = fitting.export(build(named("lstm"), inputs.STEPS, 10))
Path(sys.argv[1]).write_bytes(graph)
Path(sys.argv[2]).write_bytes(quantized(graph))
"""


def measure(*, quick: bool) -> list[Verdict]:
    folder = Path(tempfile.mkdtemp())
    whole, small = folder / "whole.onnx", folder / "small.onnx"
    subprocess.run([sys.executable, "-c", EXPORT, str(whole), str(small)], check=True, capture_output=True)
    one_core()
    graphs = {
        "float": served(folder, {GRAPH: whole.read_bytes()}),
        "int8": served(folder, {GRAPH: whole.read_bytes(), INT8: small.read_bytes()}),
    }
    turns = 300 if quick else 2_000
    runs: dict[str, Callable[[], object]] = {}
    for name, graph in graphs.items():
        runs[f"{name} bare"] = bare(graph)
        runs[f"{name} path"] = path(graph)
    took = p50(runs, turns)
    floats, ints = (took[f"{name} path"] / took[f"{name} bare"] for name in graphs)
    whole_ms, bare_ms, small_ms = (took[name] * 1e3 for name in ("float path", "float bare", "int8 path"))
    note = f"{whole_ms:.3f} ms with window, scaling, checks and interval; bare {bare_ms:.3f} ms"
    return [
        Verdict("forecast / bare session.run", floats, "x", 1.3, at_least=False, note=note),
        Verdict(
            "int8 forecast / float forecast",
            took["int8 path"] / took["float path"],
            "x",
            1.0,
            at_least=False,
            note=f"{small_ms:.3f} ms, {ints:.2f} times its bare run",
        ),
    ]


def served(folder: Path, graphs: dict[str, bytes]) -> Graph:
    """A version with these graphs, as the sidecar opens it."""
    return Graph(tiny.version(folder / "models", steps=inputs.STEPS, graphs=graphs))


def bare(graph: Graph) -> Callable[[], object]:
    """The graph alone, on a window that is scaled already."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    (content,) = graph.version.graphs.values()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    window = np.random.default_rng(1).normal(size=(1, graph.steps, len(graph.features))).astype(np.float32)
    return lambda: session.run(list(OUTPUTS), {INPUT: window})


def path(graph: Graph) -> Callable[[], object]:
    """From closed seconds to a forecast with its interval."""
    rows = np.random.default_rng(1).normal(100, 1, size=(graph.seconds, len(inputs.SECOND)))
    rows[:, inputs.SECOND.index("high")] += 10

    def predict() -> object:
        window = inputs.window(rows, graph.features, graph.steps, graph.step_s)
        if window is None:
            raise SystemExit("no window could be made of whole seconds")
        return graph.predict(window)

    return predict


def p50(runs: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median seconds of each, turn by turn."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 50):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if turn >= 50:
                took[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in took.items()}
