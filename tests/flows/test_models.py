"""Training, judging and tuning as flows, against a real Prefect server: what is registered, shown, started, resumed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.states import Running

import flows.evaluate
import flows.train
import flows.tune
from flows.deploy import bury
from flows.report import stand_alone
from tests.alerts.conftest import IMGHDR, Webhook
from tests.alerts.watched import Watched
from tests.forecast import test_live as served
from tests.forecast import tiny, tiny_direction, ways
from tests.forecast.laws import driven, land
from tests.serve.sidecar import client_of
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.errors import DataError
from trifecta.forecast import inputs, registry, training
from trifecta.forecast.contest import Step
from trifecta.forecast.direction import training as directions
from trifecta.forecast.drift import Reference, reference
from trifecta.forecast.duel import Duel
from trifecta.forecast.fitting import Effort
from trifecta.forecast.graph import Graph
from trifecta.forecast.recorded_flow import read
from trifecta.forecast.records import Key, Status
from trifecta.forecast.targets import Target
from trifecta.forecast.training import Job, Trained
from trifecta.forecast.versions import Version
from trifecta.market.events import FEATURES
from trifecta.ops import flow_reports, parts
from trifecta.serve.app import create
from trifecta.serve.prefect_api import PrefectApi, PrefectAwayError
from trifecta.settings import Settings, load
from warehouse import Lake
from warehouse.ledger import Ledger

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    IMGHDR,
    # Prefect leaves connections of its clients to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
Trains = Callable[[Callable[..., Trained]], None]
SMALL = Job("sim_law", "LAWUSDT", 300, "lstm", step_s=20, steps=20, folds=1, effort=Effort(epochs=1, windows=128))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_api: str) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIFECTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TRIFECTA_PREFECT_API", prefect_api)
    (tmp_path / "data").mkdir()
    return load()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger) as made:
        made.migrate()
        yield made


async def artifact(key: str) -> Any:
    """The newest artifact of that key."""
    wanted = ArtifactFilter(key=ArtifactFilterKey.model_validate({"any_": [key]}))
    async with get_client() as client:
        return (await client.read_artifacts(artifact_filter=wanted, limit=1, sort="UPDATED_DESC"))[0]  # type: ignore[arg-type]


@pytest.fixture
def trains(monkeypatch: pytest.MonkeyPatch) -> Trains:
    """Lets ranges be trained by something else."""
    return lambda fit: monkeypatch.setattr(training, "train", fit)


def stand_in(passed: bool, duel: Duel | None = None) -> Callable[..., Trained]:
    """A training that takes no time: a version of the job's horizon, or too little data for an hour."""

    def fit(
        job: Job,
        lake: Lake,
        models: Path,
        clock: SystemClock,
        *,
        on_step: Callable[[Step], None],
        champion: Graph | None,
    ) -> Trained:
        on_step(Step(1, 2, job.network))
        if job.horizon_s == 3600:
            raise DataError("4.5 h are missing")
        return Trained(tiny.version(models, horizon_s=job.horizon_s, passed=passed), {}, duel)

    return fit


async def test_versions_that_pass_serve_and_what_lacks_data_is_told(
    settings: Settings, ledger: Ledger, trains: Trains
) -> None:
    trains(stand_in(passed=True))
    state = await flows.train.train(symbol="PAXGUSDT", return_state=True)
    assert state.message is not None
    assert state.message.startswith("2 trained, 2 passed the gate; 1 not trained, the first because 4.5 h are missing")
    champions = registry.champions(ledger)
    assert {key.horizon_s for key in champions} == {300, 900}
    assert sorted(await state.aresult()) == sorted(record.version for record in champions.values())
    assert champions[Key("sim_binance", "PAXGUSDT", 300)].reason.startswith("passed its gate: beats har")
    assert (await artifact(flows.train.KEY)).data == 100.0
    assert "4.5 h are missing" in (await artifact("training")).data
    assert (await artifact("model-card-paxgusdt-300")).data.startswith("# tiny")


async def test_version_that_failed_its_gate_is_kept_and_does_not_serve(
    settings: Settings, ledger: Ledger, trains: Trains
) -> None:
    trains(stand_in(passed=False))
    await flows.train.train(symbol="PAXGUSDT", horizon_s=300)
    assert registry.champions(ledger) == {}
    assert [record.status for record in registry.versions(ledger)] == [Status.REFUSED]


async def test_version_behind_the_champion_at_the_same_origins_waits_as_challenger(
    settings: Settings, ledger: Ledger, trains: Trains
) -> None:
    duel = Duel("range-old", 120, ours=0.3, theirs=0.2)
    trains(stand_in(passed=True, duel=duel))
    state = await flows.train.train(symbol="PAXGUSDT", horizon_s=300, return_state=True)
    assert state.message == "1 trained, 1 passed the gate, 1 behind the champion"
    assert [record.status for record in registry.versions(ledger)] == [Status.CHALLENGER]
    assert "QLIKE 0.3000 against 0.2000 of the champion range-old" in (await artifact("training")).data


async def test_promotion_by_hand_leaves_the_choice_to_a_person(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, trains: Trains
) -> None:
    monkeypatch.setenv("TRIFECTA_FORECAST__PROMOTE", "by_hand")
    trains(stand_in(passed=True))
    await flows.train.train(symbol="PAXGUSDT", horizon_s=300)
    assert [record.status for record in registry.versions(ledger)] == [Status.CHALLENGER]


async def test_training_that_failed_is_left_for_the_alerts_and_one_that_did_not_takes_that_back(
    settings: Settings, trains: Trains
) -> None:
    def broken(*given: object, **named: object) -> Trained:
        raise ZeroDivisionError("a mistake of ours")

    trains(broken)
    with closing(Webhook()) as webhook, closing(Watched(settings, webhook, "flow_failed")) as watch:
        with pytest.raises(ZeroDivisionError):
            await flows.train.train(symbol="PAXGUSDT", horizon_s=300)
        assert flow_reports.read(settings.run_dir, "train").last == "Failed"
        watch.wait(61)
        trains(stand_in(passed=True))
        await flows.train.train(symbol="PAXGUSDT", horizon_s=300)
        watch.wait(61)
    assert flow_reports.read(settings.run_dir, "train").runs == {"Failed": 1, "Completed": 1}
    assert flow_reports.read(settings.run_dir, "train").last == "Completed"
    assert webhook.titles == ["[warning] flow failed: train", "[recovered] flow failed: train"]


async def test_arguments_that_fit_nothing_are_told(settings: Settings) -> None:
    state = await flows.train.train(symbol="NOTHING", return_state=True)
    assert state.message is not None
    assert "nothing was asked for" in state.message


async def deployed(name: str) -> None:
    """Lets the server know a deployment without runs, as `prefect.yaml` would; nobody works off those that come."""
    async with get_client() as client:
        for run in await client.read_flow_runs(limit=200):
            await client.delete_flow_run(run.id)
        flow = await client.create_flow_from_name(name)
        await client.create_deployment(flow_id=flow, name=name)


async def test_champion_whose_market_changed_its_law_is_demoted_and_trained_anew_and_somebody_is_told(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployed("train")
    monkeypatch.setenv("TRIFECTA_FORECAST__LIVE_SPAN_S", str(served.COUNT))
    lake, now = Lake(settings.lake), [served.NOW_NS]
    monkeypatch.setattr(SystemClock, "now_ns", lambda self: now[0])
    calm, coming = served.walk()
    served.store_flow(lake, calm)
    first = served_by(ledger, settings, tiny.version(settings.data_dir / "models", inputs=known(lake, 0)))
    served.store_predictions(lake, first, coming)
    with closing(Webhook()) as webhook, closing(Watched(settings, webhook, "model_demoted", "model_drift")) as watch:
        assert await flows.evaluate.evaluate() == []
        watch.look()
        assert webhook.titles == []

        now[0] += served.COUNT * NS_PER_S
        served.store_flow(lake, calm[-1] * (calm / calm[0]) ** 10, moved=2.0, part=1)
        served.store_predictions(lake, first, coming, part=1)  # it goes on as if nothing had happened
        assert await flows.evaluate.evaluate() == [first]
        watch.wait(60)
        assert registry.champions(ledger) == {}
        assert "behind in 4 of 4 parts" in registry.find(ledger, first).reason
        assert "demoted: live QLIKE" in (await artifact("live")).data
        asked = {"venue": "sim_binance", "symbol": "PAXGUSDT", "horizon_s": 300, "network": "tiny"}
        assert asked in [run.parameters for run in await all_runs()]

        newer = known(lake, now[0] - served.COUNT * NS_PER_S)
        served_by(ledger, settings, tiny.version(settings.data_dir / "models", 0.003, inputs=newer))
        assert await flows.evaluate.evaluate() == []
        watch.wait(60)
    told = "model demoted: range PAXGUSDT sim_binance 300 s", f"model drift: {first}"
    assert webhook.titles == [*(f"[warning] {one}" for one in told), *(f"[recovered] {one}" for one in told)]


def known(lake: Lake, since_ns: int) -> Reference:
    """What a training on the seconds since then would keep of its inputs."""
    columns = read(lake, served.KEY.venue, served.KEY.symbol, 1, since_ns=since_ns).series.columns
    return reference(inputs.features(columns, FEATURES), FEATURES)


def served_by(ledger: Ledger, settings: Settings, version: Version) -> str:
    """The version's name, once it serves."""
    registry.register(ledger, settings.data_dir, version, 0)
    registry.promote(ledger, settings.data_dir, version.name, 1)
    return version.name


def direction_stand_in(duel: Duel | None = None) -> Callable[..., directions.Trained]:
    """The same of directions: a version whose gate passed."""

    def fit(job: directions.Job, lake: Lake, models: Path, clock: SystemClock, **_: object) -> directions.Trained:
        return directions.Trained(tiny_direction.version(models, BOAST), {}, duel)

    return fit


BOAST = (0.01, 0.98, 0.01)


async def test_direction_of_recorded_bars_is_trained_serves_and_is_taken_off_when_it_falls_behind(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployed("train")
    bars = ways.driven(1200, 4, law=False)
    ways.land(Lake(settings.lake), bars, 0, 1200)
    monkeypatch.setattr(directions, "train", direction_stand_in())
    first = int(bars.ends_s[600]) * 10**9
    monkeypatch.setattr(SystemClock, "now_ns", lambda self: first)
    state = await flows.train.train(symbol=ways.SYMBOL, return_state=True)
    assert state.message == "1 trained, 1 passed the gate"
    ((key, champion),) = registry.champions(ledger).items()
    assert key == Key(ways.VENUE, ways.SYMBOL, 3600, Target.DIRECTION)
    assert champion.reason.startswith("passed its gate: met: beats trees")
    assert (await artifact("model-card-direction-eurusd-3600")).data.startswith("# tiny")
    monkeypatch.setattr(SystemClock, "now_ns", lambda self: int(bars.ends_s[-1]) * 10**9)
    assert await flows.evaluate.evaluate() == [champion.version]
    assert registry.champions(ledger) == {}
    assert "live log loss" in registry.find(ledger, champion.version).reason
    assert "demoted: live log loss" in (await artifact("live")).data
    asked = {"venue": ways.VENUE, "symbol": ways.SYMBOL, "horizon_s": 3600, "network": "tiny"}
    assert asked in [run.parameters for run in await all_runs()]


async def test_direction_behind_its_champion_waits_as_challenger(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways.land(Lake(settings.lake), ways.driven(10, 4, law=False), 0, 10)
    duel = Duel("direction-old", 90, ours=1.0, theirs=0.9, measure="log loss")
    monkeypatch.setattr(directions, "train", direction_stand_in(duel))
    state = await flows.train.train(venue=ways.VENUE, return_state=True)
    assert state.message == "1 trained, 1 passed the gate, 1 behind the champion"
    assert [record.status for record in registry.versions(ledger)] == [Status.CHALLENGER]
    assert "log loss 1.0000 against 0.9000 of the champion direction-old" in (await artifact("training")).data


async def all_runs() -> list[Any]:
    async with get_client() as client:
        return list(await client.read_flow_runs(limit=200))


async def test_sidecar_starts_the_flows_run_once_and_tells_how_far_it_is(settings: Settings) -> None:
    await deployed("train")
    front = create(settings)
    try:
        async with client_of(front) as client:
            first = await client.post("/model/train", params={"symbol": "XAUUSD", "horizon": "300"})
            again = await client.post("/model/train")
            status = (await client.get("/model/status")).json()
    finally:
        await front.champions.stop()
        await front.upkeep.stop()
    assert first.status_code == again.status_code == 200
    told = first.json()["run"]
    assert (first.json()["started"], again.json()["started"]) == (True, False)
    assert again.json()["run"]["run_id"] == told["run_id"] == status["training"]["run_id"]
    run = next(run for run in await all_runs() if str(run.id) == told["run_id"])
    assert run.parameters == {"venue": "sim_binance", "symbol": "PAXGUSDT", "horizon_s": 300}
    assert run.name == told["name"] == "train PAXGUSDT 300"


async def test_run_that_died_with_its_worker_lets_the_next_one_start(settings: Settings) -> None:
    """One that waits stays, and one whose process lives goes on."""
    await deployed("train")
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("train/train")
        dead, waiting = [await client.create_flow_run_from_deployment(deployment.id) for _ in range(2)]
        await client.set_flow_run_state(dead.id, Running(), force=True)
        await bury("train", lives=True)
        assert (await client.read_flow_run(dead.id)).state_name == "Running"
        await bury("train", lives=parts.training_lives(settings, "train"))
        assert (await client.read_flow_run(dead.id)).state_name == "Lost"
        assert (await client.read_flow_run(waiting.id)).state_name == "Scheduled"


async def test_run_that_begins_leaves_none_of_its_flow_waiting(settings: Settings) -> None:
    await deployed("train")
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("train/train")
        first, *others = [await client.create_flow_run_from_deployment(deployment.id) for _ in range(3)]
        await client.set_flow_run_state(others[0].id, Running(), force=True)
        await stand_alone(flows.train.train, first, Running())
        states = [(await client.read_flow_run(run.id)).state_name for run in (first, *others)]
    assert states == ["Scheduled", "Running", "Cancelled"]


async def test_flow_that_nobody_deployed_is_told_with_the_remedy(settings: Settings, prefect_api: str) -> None:
    with pytest.raises(PrefectAwayError, match="trifecta up"):
        await asyncio.to_thread(PrefectApi(prefect_api).start, "nothing/nothing", "nothing", {})


TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.flows.test_models import SMALL
from trifecta.clock import SystemClock
from trifecta.forecast.training import train
from warehouse import Lake

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    told = lambda step: print(step.what, flush=True)
    made = train(SMALL, Lake(str(folder / "lake")), folder / "models", SystemClock(), on_step=told)
    print("made", made.version.name, flush=True)
"""


def trained_in(folder: Path) -> subprocess.Popen[str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder)],
        cwd=Path(__file__).parents[2],
        env=os.environ | quiet,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_training_that_is_killed_leaves_nothing_visible_and_the_next_one_a_whole_version(tmp_path: Path) -> None:
    land(Lake(str(tmp_path / "lake")), driven(700, 3, law=True), 0, 700)
    models = tmp_path / "models"
    first = trained_in(tmp_path)
    assert first.stdout is not None
    line = first.stdout.readline()
    assert line.startswith("lstm, fold 1")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert [path.name for path in models.iterdir() if not path.name.startswith(".")] == []
    second = trained_in(tmp_path)
    output, _ = second.communicate(timeout=800)
    made = output.splitlines()[-1].removeprefix("made ")
    assert [path.name for path in models.iterdir() if not path.name.startswith(".")] == [made]
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        (record,) = registry.adopt(ledger, tmp_path, 0)
        assert record.version == made
        assert registry.open_version(record, tmp_path).predict(np.zeros((20, 10))).log_range > 0
