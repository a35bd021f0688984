"""Prefect's REST API, as little of it as starting the training flow and looking at its run takes.

The sidecar does not import Prefect, which is larger than the sidecar itself. Calls block: they belong in a thread.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from trifecta.clock import NS_PER_S
from trifecta.errors import TransientError

TIMEOUT_S = 5.0
ATTEMPTS, PAUSE_S = 3, 0.5  # its database is locked for a moment now and then, and it says 503
MAX_BYTES = 4 * 1024 * 1024
UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")

T = TypeVar("T")


class PrefectAwayError(TransientError):
    """Prefect does not answer, or not as expected; the message is fit for a client."""


class PrefectBusyError(PrefectAwayError):
    """Prefect asks to come again."""


class _Named(msgspec.Struct, frozen=True):
    id: str


class _State(msgspec.Struct, frozen=True):
    message: str | None = None


class _Progress(msgspec.Struct, frozen=True):
    data: float | None = None


class Run(msgspec.Struct, frozen=True):
    """One run of a flow, as Prefect tells of it."""

    id: str
    name: str
    state_type: str | None = None
    state_name: str | None = None
    state: _State | None = None
    start_time: str | None = None
    end_time: str | None = None

    @property
    def unfinished(self) -> bool:
        return self.state_type in UNFINISHED


class PrefectApi:
    """Deployments and runs of the server at `url`.

    Raises (every method):
        PrefectAwayError: says what to do.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def start(self, deployment: str, name: str, parameters: dict[str, object]) -> Run:
        """A new run of `flow/deployment` by this name; asking again after a failure half way starts no second one."""
        body = {"name": name, "parameters": parameters, "idempotency_key": uuid4().hex}
        return self._post(f"/deployments/{self._id(deployment)}/create_flow_run", body, Run)

    def newest(self, deployment: str, now_ns: int) -> Run | None:
        """The run that was due last; runs that a schedule has planned for later do not count."""
        due = datetime.fromtimestamp(now_ns // NS_PER_S + 1, UTC).isoformat()
        asked = {
            "deployments": {"id": {"any_": [self._id(deployment)]}},
            "flow_runs": {"expected_start_time": {"before_": due}},
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": 1,
        }
        return next(iter(self._post("/flow_runs/filter", asked, list[Run])), None)

    def progress(self, run: Run) -> float | None:
        """Percent that the run's progress artifact shows; None without one."""
        asked = {
            "artifacts": {"flow_run_id": {"any_": [run.id]}, "type": {"any_": ["progress"]}},
            "sort": "UPDATED_DESC",
            "limit": 1,
        }
        return next((one.data for one in self._post("/artifacts/filter", asked, list[_Progress])), None)

    def _id(self, deployment: str) -> str:
        return self._ask(urllib.request.Request(f"{self._url}/deployments/name/{deployment}"), _Named).id  # noqa: S310

    def _post(self, path: str, body: object, kind: type[T]) -> T:
        headers = {"content-type": "application/json"}
        return self._ask(
            urllib.request.Request(self._url + path, data=msgspec.json.encode(body), headers=headers),  # noqa: S310
            kind,
        )

    def _ask(self, request: urllib.request.Request, kind: type[T]) -> T:
        again = Retrying(
            retry=retry_if_exception_type(PrefectBusyError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_fixed(PAUSE_S),
            reraise=True,
        )
        found: T = again(self._ask_once, request, kind)
        return found

    def _ask_once(self, request: urllib.request.Request, kind: type[T]) -> T:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  the URL is a setting
                return msgspec.json.decode(answer.read(MAX_BYTES), type=kind)
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            if error.code == 503:
                raise PrefectBusyError("Prefect is busy (503): ask again in a few seconds") from error
            known = error.code == 404 and "/deployments/name/" in request.full_url
            told = "knows no deployment train: `trifecta up` deploys it" if known else f"answered {error.code}"
            raise PrefectAwayError(f"Prefect {told}") from error
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise PrefectAwayError(
                f"Prefect does not answer ({type(error).__name__}): start it with `trifecta up`, or set prefect_api"
            ) from error
