"""What Prometheus reads: built from plain counters when it asks, so that counting costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from trifecta.serve import reports
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.counts import LATENCY_BOUNDS_S, Latency
from trifecta.serve.service import Service

_COUNTERS = {
    "seconds": "Closed seconds taken in",
    "ignored": "Closed seconds that were not ours or not newer than the last",
    "forecasts": "Forecasts made",
    "refits": "Times the past of an instrument and horizon was gone through",
    "saved": "Predictions written to the lake",
    "save_failures": "Times predictions could not be written",
    "polls": "Times the lake was asked because the bus was silent",
}


def render(service: Service) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(service))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        counts = self._service.counts
        for name, doc in _COUNTERS.items():
            yield CounterMetricFamily(f"trifecta_sidecar_{name}", doc, value=getattr(counts, name))
        requests = CounterMetricFamily("trifecta_sidecar_requests", "Requests answered", labels=["route", "status"])
        told = dict(counts.requests)
        told[SIMPLE_PATH, 200] = told.get((SIMPLE_PATH, 200), 0) + counts.prepared_hits
        for (route, status), count in told.items():
            requests.add_metric([route, str(status)], count)
        yield requests
        yield _histogram(counts.latency)
        yield GaugeMetricFamily(
            "trifecta_sidecar_bus_silent_seconds", "Since the bus brought a second", value=self._service.bus_silent_s
        )
        yield from self._instruments()
        yield from reports.collect(self._service.settings.run_dir, self._service.clock.now_ns())

    def _instruments(self) -> Iterator[Metric]:
        labels = ["venue", "symbol"]
        age = GaugeMetricFamily("trifecta_second_age_seconds", "Age of the newest closed second", labels=labels)
        lag = GaugeMetricFamily(
            "trifecta_second_lag_seconds", "From receiving a second's last frame to having it here", labels=labels
        )
        flags = GaugeMetricFamily(
            "trifecta_second_flag", "1 where the newest closed second has the flag", labels=[*labels, "flag"]
        )
        for key, predictor in self._service.predictors.items():
            age_s, latest = self._service.age_s(key), predictor.latest
            if age_s is None or latest is None:
                continue
            age.add_metric(key, age_s)
            lag.add_metric(key, self._service.arrivals[key].lag_s)
            for flag in ("ready", "book_valid", "complete"):
                flags.add_metric([*key, flag], float(getattr(latest, flag)))
        yield from (age, lag, flags)


def _histogram(latency: Latency) -> HistogramMetricFamily:
    buckets, seen = [], 0
    for bound, count in zip((*map(str, LATENCY_BOUNDS_S), "+Inf"), latency.buckets, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    found = HistogramMetricFamily(
        "trifecta_sidecar_latency_seconds", "From request to first byte, but for answers prepared ahead"
    )
    found.add_metric([], buckets, latency.total_s)
    return found
