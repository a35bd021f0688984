"""A version's folder: whole or not there, believed only if every hash fits, refused with the file and what is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.forecast import tiny
from trifecta.forecast import folders
from trifecta.forecast.conformal import Calibration
from trifecta.forecast.drift import reference
from trifecta.forecast.files import Card
from trifecta.forecast.folders import VersionError
from trifecta.forecast.graph import Graph, OutputError
from trifecta.forecast.versions import Scaler, Target, Thresholds, Version


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def version(models: Path) -> Version:
    return tiny.version(models)


def window(seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=(tiny.STEPS, 10))


def test_written_version_is_read_back_as_it_was(version: Version) -> None:
    again = Version.load(version.folder, sha256=version.sha256)
    assert again == version
    assert again.name == version.folder.name
    assert (version.folder / "card.md").read_text() == "# tiny\n"


def test_name_says_what_when_and_which(version: Version) -> None:
    assert version.name.startswith("range-PAXGUSDT-300-tiny-20231114T221320Z-")
    other = tiny.draft(0.003)
    assert other.version != version.name
    assert other.version[:-8] == version.name[:-8]


def test_writing_the_same_draft_again_changes_nothing(models: Path, version: Version) -> None:
    before = {path: path.stat().st_mtime_ns for path in version.folder.rglob("*")}
    assert Version.write(models, tiny.draft()) == version
    assert {path: path.stat().st_mtime_ns for path in version.folder.rglob("*")} == before


def test_nothing_is_left_aside_and_a_dead_writers_leftover_is_replaced(models: Path) -> None:
    aside = models / f".{tiny.draft().version}.tmp"
    aside.mkdir(parents=True)
    (aside / "half").write_text("half")
    written = tiny.version(models)
    assert [path.name for path in models.iterdir()] == [written.name]
    assert not (written.folder / "half").exists()


def test_unfinished_folders_are_removed_once_they_are_old(models: Path, version: Version) -> None:
    aside = models / ".range-x.tmp"
    aside.mkdir()
    made_ns = aside.stat().st_mtime_ns
    assert folders.remove_unfinished(models, older_than_ns=made_ns) == []
    assert folders.remove_unfinished(models, older_than_ns=made_ns + 1) == [aside]
    assert [path.name for path in models.iterdir()] == [version.name]


def test_a_draft_that_could_not_be_served_never_gets_its_name(models: Path) -> None:
    with pytest.raises(VersionError, match="scale that is not above 0"):
        tiny.version(models, scaler=replace_scaler(tiny.scaler(), scale=(0.0,) * 10))
    assert [path.name for path in models.iterdir() if not path.name.startswith(".")] == []


def replace_scaler(scaler: Scaler, **changed: object) -> Scaler:
    fields = {name: getattr(scaler, name) for name in scaler.__struct_fields__}
    return Scaler(**fields | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["model.onnx", "scaler.json", "thresholds.json", "calibration.json", "card.json"])
@pytest.mark.parametrize("harm", ["truncated", "changed", "removed"])
def test_damaged_file_is_named(version: Version, name: str, harm: str) -> None:
    path = version.folder / name
    content = path.read_bytes()
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(content[:-7] if harm == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(VersionError, match=name):
        Version.load(version.folder)


def test_folder_that_the_ledger_does_not_know_is_refused(version: Version) -> None:
    with pytest.raises(VersionError, match="the ledger knows 000000000000"):
        Version.load(version.folder, sha256="0" * 64)


def test_copied_or_renamed_folder_is_refused(version: Version, models: Path) -> None:
    other = models / "range-BTCUSDT-300-tiny-20231114T221320Z-00000000"
    shutil.copytree(version.folder, other)
    with pytest.raises(VersionError, match="copied or renamed"):
        Version.load(other)


def rewrite(version: Version, **changed: object) -> None:
    path = version.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changed))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"horizon_s": 0}, "horizon_s 0"),
        ({"target": "direction"}, r"it forecasts a direction, a range is asked for"),
        ({"steps": "100"}, "Expected `int`, got `str`"),
        ({"files": {}}, "lists 0 files"),
        ({"files": {"../../secret": "0"}}, "which is no file of a version"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_manifest_that_is_not_ours_is_refused(version: Version, changed: dict[str, object], told: str) -> None:
    rewrite(version, **changed)
    with pytest.raises(VersionError, match=told):
        Version.load(version.folder)


def test_file_too_large_to_be_ours_is_not_read(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_FILE_BYTES", 1000)
    with pytest.raises(VersionError, match="at most 1000 are read"):
        Version.load(version.folder)


def with_graph(version: Version, content: bytes) -> Version:
    return replace(version, graphs={"model.onnx": content})


def external_weights(folder: Path) -> bytes:
    model = tiny.onnx_of(tiny.graph())
    weight = next(one for one in model.graph.initializer if one.name == "classes")
    (folder / "weights.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", str(folder / "weights.bin")
    return bytes(model.SerializeToString())


def custom_operator() -> bytes:
    nodes = [
        helper.make_node("Steal", ["window"], ["range"], domain="elsewhere"),
        helper.make_node("Identity", ["range"], ["volatility"]),
        helper.make_node("Identity", ["range"], ["trend"]),
    ]
    return tiny.encoded(nodes, [], shape=("batch", tiny.STEPS, 10), domains=("elsewhere",))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no graph that can be run"),
        (tiny.graph()[:-40], "no graph that can be run"),
        (pickle.dumps({"weights": [1.0]}), "no graph that can be run"),
        (custom_operator(), "not a registered function/op"),
        (tiny.graph(steps=6), r"takes .* expected 'window' float32 \(batch, 5, 10\)"),
        (tiny.graph(features=9), r"takes .* expected 'window' float32 \(batch, 5, 10\)"),
        (tiny.graph(float("nan")), "is no range"),
        (tiny.graph(float("inf")), "is no range"),
        (tiny.graph(5.0), "is no range"),
        (tiny.graph(sway=float("nan")), "is no range"),
    ],
    ids=["empty", "truncated", "pickle", "custom op", "steps", "features", "nan", "inf", "huge", "nan weight"],
)
def test_foreign_graph_is_refused(version: Version, content: bytes, told: str) -> None:
    with pytest.raises(VersionError, match=told):
        Graph(with_graph(version, content))


def test_graph_whose_weights_lie_in_another_file_is_refused(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = external_weights(tmp_path)
    for location in (str(tmp_path / "weights.bin"), "weights.bin"):
        with pytest.raises(VersionError, match="no graph that can be run"):
            Graph(with_graph(version, content.replace(str(tmp_path / "weights.bin").encode(), location.encode())))


def test_graph_for_other_features_is_refused(version: Version) -> None:
    names = ("moon_phase", *version.scaler.features[1:])
    with pytest.raises(VersionError, match=r"features \['moon_phase'\] are not known"):
        Graph(replace(version, scaler=replace_scaler(version.scaler, features=names)))


def test_graph_for_features_of_another_make_is_refused(version: Version) -> None:
    card = replace_card(version, feature_version=999)
    with pytest.raises(VersionError, match="features are of version 999"):
        Graph(replace(version, card=card))


def replace_card(version: Version, **changed: object) -> Card:
    fields = {name: getattr(version.card, name) for name in version.card.__struct_fields__}
    return Card(**fields | changed)  # type: ignore[arg-type]


def test_probabilities_that_are_none_are_no_forecast(version: Version) -> None:
    model = tiny.onnx_of(tiny.graph())
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    softmax.op_type = "Relu"
    softmax.ClearField("attribute")
    with pytest.raises(OutputError, match="are no probabilities"):
        Graph(with_graph(version, bytes(model.SerializeToString())))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"calibration": Calibration(0.9, 1.2, 1.1, 5)}, "0 < low < high"),
        ({"thresholds": Thresholds(0.003, 0.001)}, "thresholds.json"),
        ({"graphs": {}}, "lists no model.onnx"),
        (
            {"scaler": Scaler(("buy_volume",), (0.0, 1.0), (1.0,), (True,), Target(0.0, 1.0))},
            "one mean and scale for each",
        ),
        ({"scaler": replace_scaler(tiny.scaler(), mask=(True,))}, "a mask for each feature"),
        ({"inputs": reference(np.ones((5, 1)), ("buy_volume",))}, "name different features"),
    ],
)
def test_parts_that_do_not_fit_are_refused(models: Path, changed: dict[str, object], told: str) -> None:
    with pytest.raises(VersionError, match=told):
        tiny.version(models, **changed)


def test_forecast_is_the_graphs_output_in_log_range_with_the_calibrations_bounds(models: Path) -> None:
    scaler = replace_scaler(tiny.scaler(), target=Target(mean=-1.0, scale=0.5))
    made = Graph(tiny.version(models, scaler=scaler, graphs={"model.onnx": tiny.graph(0.002, sway=0.0)}))
    found = made.predict(window())
    assert found.log_range == pytest.approx(np.exp(np.log(0.002) * 0.5 - 1.0), rel=1e-6)
    assert (found.low, found.high) == made.version.calibration.interval(found.log_range, found.volatility)
    assert sum(found.volatility) == pytest.approx(1)


def test_unknown_features_are_imputed_and_a_window_of_another_shape_is_refused(version: Version) -> None:
    made = Graph(version)
    holed, filled = window(), window()
    holed[2, 3], filled[2, 3] = np.nan, 0.0  # 0 is the mean of this scaler
    assert made.predict(holed) == made.predict(filled)
    with pytest.raises(OutputError, match=r"a window of \(4, 10\)"):
        made.predict(window()[1:])


def test_ensemble_is_the_mean_of_its_members(models: Path) -> None:
    members = {"model_0.onnx": tiny.graph(0.001, sway=0.0), "model_1.onnx": tiny.graph(0.004, sway=0.0)}
    made = Graph(tiny.version(models, graphs=members))
    assert made.predict(window()).log_range == pytest.approx(0.002, rel=1e-6)


def test_small_graph_serves_where_there_is_one(models: Path) -> None:
    graphs = {"model.onnx": tiny.graph(0.002, sway=0.0), "model.int8.onnx": tiny.graph(0.003, sway=0.0)}
    made = Graph(tiny.version(models, graphs=graphs))
    assert made.predict(window()).log_range == pytest.approx(0.003, rel=1e-6)
