"""The documented API under hostile requests: no error of ours, and every answer as its documentation says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serve.test_lake import seconds_table
from tests.serve.test_server import recent
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.server import config, listen
from trifecta.settings import load
from warehouse import Lake

EXAMPLES = 40
START_S = 60.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sidecar in a thread, warm from a lake whose seconds stay fresh while the tests run."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    away = "http://127.0.0.1:1/api"
    told = load(data_dir=folder, bus_address="tcp://127.0.0.1:1", forecast={"max_age_s": 3600}, prefect_api=away)
    Lake(told.lake).append("orderflow_1s", seconds_table(recent(60)), writer="test", version=1)
    server = uvicorn.Server(config(told))
    with listen("127.0.0.1", 0) as socket:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        until = time.monotonic() + START_S
        url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        while not (server.started and httpx.get(url + SIMPLE_PATH).is_success):
            assert time.monotonic() < until
            time.sleep(0.05)
        yield url
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def documented(address: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


OPERATIONS = [
    ("/health", "GET"),
    ("/market-range", "GET"),
    ("/market-range/simple", "GET"),
    ("/orderflow/metrics", "GET"),
    ("/orderflow/historical", "GET"),
    ("/data/collection/start", "POST"),
    ("/data/collection/stop", "POST"),
    ("/metrics", "GET"),
    ("/model/train", "POST"),
    ("/model/status", "GET"),
    ("/model/promote", "POST"),
    ("/model/rollback", "POST"),
    ("/mt5/ticks", "POST"),
    ("/mt5/bars", "POST"),
    ("/opportunities", "GET"),
    ("/opportunities/{opportunity_id}/execute", "POST"),
    ("/executions/{request_id}", "GET"),
    ("/auto", "GET"),
    ("/auto", "POST"),
    ("/halt", "GET"),
    ("/halt", "POST"),
    ("/resume", "POST"),
    ("/reports/{name}", "GET"),
]


@pytest.mark.system
def test_every_documented_operation_is_fuzzed(documented: schemathesis.BaseSchema) -> None:
    found = {(path, method.upper()) for path, methods in documented.raw_schema["paths"].items() for method in methods}
    assert found == set(OPERATIONS)


@pytest.mark.system
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_breaks_the_sidecar(documented: schemathesis.BaseSchema, path: str, method: str) -> None:
    seen: set[int] = set()
    anything = st.one_of(documented[path][method].as_strategy(generation_mode=mode) for mode in GenerationMode)

    @given(case=anything)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def each(case: schemathesis.Case) -> None:
        answer = case.call()
        seen.add(answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503
        assert "Traceback" not in answer.text
        case.validate_response(
            answer, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
        )

    each()
    # Health tells that no recorder reports, the registry that it knows no version, the ledger that nobody asked.
    assert {200, 503, 409, 404} & seen
