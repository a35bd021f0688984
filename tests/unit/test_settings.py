"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from trifecta.errors import SettingsError
from trifecta.settings import Market, Settings, is_loopback, load

LONG_TOKEN = "t0ken-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TRIFECTA_"):
            monkeypatch.delenv(name)


def refusal(**given: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**given)
    return str(caught.value)


def test_defaults_need_no_file_and_no_variable() -> None:
    settings = load()
    assert settings.market is Market.SIMULATED
    assert (settings.api_host, settings.api_port, settings.prefect_port, settings.dashboard_port) == (
        "127.0.0.1",
        8000,
        4200,
        8501,
    )
    assert list(settings.venues) == ["binance", "binance_usdm", "kraken", "coinbase", "okx"]
    assert settings.venues["binance"].symbols[:3] == ["PAXGUSDT", "BTCUSDT", "ETHUSDT"]
    assert settings.venues["coinbase"].symbols[-2:] == ["DOGE-USDT", "LTC-USD"]


def test_arguments_win_over_environment_over_dotenv_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("trifecta.toml").write_text(
        "api_port = 1001\nprefect_port = 1002\ndashboard_port = 1003\nemulator_port = 1004"
    )
    Path(".env").write_text("TRIFECTA_PREFECT_PORT=2002\nTRIFECTA_DASHBOARD_PORT=2003\nTRIFECTA_EMULATOR_PORT=2004\n")
    monkeypatch.setenv("TRIFECTA_DASHBOARD_PORT", "3003")
    monkeypatch.setenv("TRIFECTA_EMULATOR_PORT", "3004")
    settings = load(emulator_port=4004)
    ports = (settings.api_port, settings.prefect_port, settings.dashboard_port, settings.emulator_port)
    assert ports == (1001, 2002, 3003, 4004)


def test_a_setting_of_one_venue_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("trifecta.toml").write_text('[venues.binance_coinm]\nsymbols = ["BTCUSD_PERP"]\n')
    monkeypatch.setenv("TRIFECTA_VENUES__BINANCE__SYMBOLS", '["XRPUSDT"]')
    monkeypatch.setenv("TRIFECTA_VENUES__BINANCE_USDM__ENABLED", "false")
    recorded = {name: (venue.enabled, venue.symbols) for name, venue in load().venues.items()}
    untouched = {name: (True, load().venues[name].symbols) for name in ("kraken", "coinbase", "okx")}
    assert recorded == untouched | {
        "binance": (True, ["XRPUSDT"]),
        "binance_usdm": (False, ["BTCUSDT", "ETHUSDT"]),
        "binance_coinm": (True, ["BTCUSD_PERP"]),
    }


def test_a_venues_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_VENUES__BINANCE_USDM__API_KEY", LONG_TOKEN)
    settings = load()
    assert settings.venues["binance_usdm"].api_key.get_secret_value() == LONG_TOKEN
    assert LONG_TOKEN not in repr(settings)
    monkeypatch.setenv("TRIFECTA_VENUES__BINANCE_USDM__API_KEY", f'["{LONG_TOKEN}"]')
    monkeypatch.setenv("TRIFECTA_VENUES__BINANCE_USDM__SYMBOLS", "7")
    assert LONG_TOKEN not in refusal()


def test_nested_settings_come_from_toml_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("trifecta.toml").write_text('[venues.binance]\nsymbols = ["XRPUSDT"]\n[capture]\nflush_s = 2.0\n')
    monkeypatch.setenv("TRIFECTA_CAPTURE__FSYNC_S", "0.25")
    settings = load()
    assert settings.venues["binance"].symbols == ["XRPUSDT"]
    assert (settings.capture.flush_s, settings.capture.fsync_s) == (2.0, 0.25)


def test_dotenv_may_hold_the_keys_of_other_programs() -> None:
    Path(".env").write_text("BINANCE_API_KEY=abc\nTRIFECTA_API_PORT=8123\nPREFECT_API_URL=http://127.0.0.1:4200/api\n")
    assert load().api_port == 8123


@pytest.mark.parametrize(
    ("given", "key", "value", "remedy"),
    [
        ({"api_port": 70_000}, "api_port", "70000", "less than or equal to 65535"),
        ({"emulator_rate": 0}, "emulator_rate", "0", "greater than 0"),
        ({"market": "paper"}, "market", "'paper'", "'simulated', 'recorded' or 'live'"),
        ({"capture": {"snapshot_s": 1}}, "capture.snapshot_s", "1", "greater than or equal to 30"),
        ({"capture": {"fsyncs": 1}}, "capture.fsyncs", "1", "remove it or correct its name"),
        ({"api_prot": 8000}, "api_prot", "8000", "remove it or correct its name"),
    ],
)
def test_an_error_names_key_value_and_remedy(given: dict[str, object], key: str, value: str, remedy: str) -> None:
    text = refusal(**given)
    assert f"{key} = {value}: " in text
    assert remedy in text
    assert "TRIFECTA_" + key.upper().replace(".", "__") in text


def test_a_misspelt_line_of_dotenv_is_named() -> None:
    Path(".env").write_text("TRIFECTA_API_PROT=8000\n")
    assert "api_prot = '8000': remove it or correct its name" in refusal()


def test_all_errors_are_told_at_once() -> None:
    text = refusal(api_port=0, emulator_rate=-1)
    assert "api_port" in text
    assert "emulator_rate" in text


def test_a_file_that_is_no_toml_is_named() -> None:
    Path("trifecta.toml").write_text("api_port = = 1")
    assert "trifecta.toml" in refusal()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org"])  # noqa: S104
def test_refuses_to_be_reached_from_outside_without_a_token(host: str) -> None:
    text = refusal(api_host=host)
    assert host in text
    assert "TRIFECTA_API_TOKEN" in text
    assert load(api_host=host, api_token=LONG_TOKEN).api_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert load(api_host=host).api_host == host


def test_refuses_two_servers_on_one_port() -> None:
    text = refusal(api_port=4200)
    assert "4200" in text
    assert "api_port" in text
    assert "prefect_port" in text


def test_refuses_half_a_certificate() -> None:
    assert "api_tls_key" in refusal(api_tls_cert="cert.pem")


def test_refuses_a_default_horizon_that_is_not_forecast() -> None:
    text = refusal(forecast={"horizons_s": [300], "default_horizon_s": 900})
    assert "900" in text
    assert "[300]" in text


def test_secrets_show_neither_in_settings_nor_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIFECTA_API_TOKEN", "5ecret")
    monkeypatch.setenv("TRIFECTA_LEDGER_URL", "postgresql://trader:pa55@127.0.0.1/ledger")
    shown = repr(load()) + str(load())
    with pytest.raises(SettingsError) as caught:
        load(api_host="0.0.0.0", api_prot=1)  # noqa: S104
    shown += str(caught.value) + str(caught.value.__cause__)
    with pytest.raises(SettingsError) as caught:
        load(api_host="0.0.0.0")  # noqa: S104
    shown += str(caught.value) + str(caught.value.__cause__)
    Path("trifecta.toml").write_text('binance_secret = "5ecret"\nbinance_api_key = "5ecret"')
    with pytest.raises(SettingsError) as caught:
        load()
    shown += str(caught.value) + str(caught.value.__cause__)
    assert "5ecret" not in shown
    assert "pa55" not in shown


def test_everything_but_the_live_market_is_labelled_simulated() -> None:
    names = {market: Settings(market=market).source("binance") for market in Market}
    assert names == {"simulated": "sim_binance", "recorded": "sim_binance", "live": "binance"}


def test_places_follow_the_data_folder_unless_named(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "d")
    assert settings.lake == str(tmp_path / "d" / "lake")
    assert settings.ledger == f"sqlite:///{tmp_path / 'd' / 'ledger.db'}"
    assert load(lake_uri="s3://bucket/lake").lake == "s3://bucket/lake"


@pytest.mark.parametrize("uri", ["gs://bucket/lake", "az://container/lake", "https://host/lake", "memory://lake"])
def test_a_lake_that_could_not_be_read_is_refused_with_what_could(uri: str) -> None:
    with pytest.raises(SettingsError, match=rf"lake_uri = '{uri}': .* s3://bucket/prefix .*TRIFECTA_LAKE_URI"):
        load(lake_uri=uri)


def test_no_setting_bears_a_name_that_hides_what_a_model_is() -> None:
    """A field `keys` would make `dict(model)`, by which Prefect looks into a task's arguments, call the field."""

    def look(value: object) -> None:
        if isinstance(value, BaseModel):
            for inner in dict(value).values():
                look(inner)

    look(load())
