"""What is no data file is refused with what would be one."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from trifecta.capture.importers import FORMATS, detect
from trifecta.errors import DataError

from .conftest import Import, spot_trade, write


@pytest.mark.parametrize(
    "content",
    [
        b"hello\nworld\n",
        b"\x00\x01\x02" * 5_000,
        b'{"a": 1}',
        b"[]",
        b"[1,2,3]",
        b'[{"info":{"x":1}}]',
        b"a,b,c\n1,2,3\n",
        b"timestamp,percentage,depth,notional\n2024-08-08 00:00:05,-5,5133.1,301234567.8\n",
        b"id,price,qty,quote_qty,time,is_buyer_maker\n",
        "überall,nichts\n".encode("latin-1"),
    ],
)
def test_unknown_content_is_refused_with_the_list_of_formats(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "BTCUSDT-trades-2024-08-08.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        detect(path)
    assert all(known.name in str(raised.value) for known in FORMATS)


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match="empty"):
        detect(path)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08garbage", b"PK\x03\x04garbage", b"\x28\xb5\x2f\xfdgarbage"])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read to its end"):
        detect(path)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DataError, match=r"not a Parquet file .*fetch or export it again"):
        detect(path)


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", spot_trade(1))
        archive.writestr("b.csv", spot_trade(2))
    with pytest.raises(DataError, match="holds 2 files"):
        detect(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            detect(path)


@pytest.mark.parametrize("given", [{"symbol": "../BTC"}, {"symbol": ""}, {"symbol": "A", "source": "Binance/x"}])
def test_names_that_would_be_folders_elsewhere_are_refused(tmp_path: Path, take: Import, given: dict[str, str]) -> None:
    path = write(tmp_path / "file", [spot_trade(1)])
    with pytest.raises(DataError, match="--"):
        take(path, **given)


def test_a_format_is_known_though_some_of_its_first_rows_are_bad(tmp_path: Path) -> None:
    path = write(tmp_path / "file", ["x" * 10, spot_trade(1), "1,2", spot_trade(2)])
    assert detect(path) == "binance_public_spot_trades"


def test_progress_ends_at_the_whole_file(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "file", map(spot_trade, range(100)))
    seen: list[tuple[int, int]] = []
    take(path, symbol="BTCUSDT", block_bytes=1_000, on_progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == (size, size)
