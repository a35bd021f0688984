"""The journal gives back what was appended, whatever happened to its writer."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trifecta.capture import journal as journal_module
from trifecta.capture.journal import JournalWriter, position_before, read, read_file, retain
from trifecta.clock import ManualClock
from trifecta.errors import DataError, TransientError
from trifecta.market.events import Frames

NOON = 1_723_161_253_000_000_000
S = 1_000_000_000


def flat(batches: Iterable[Frames]) -> list[tuple[int, int, bytes]]:
    """(position, ts_recv, payload) of each frame."""
    return [
        (frames.first_position + offset, int(stamp), payload)
        for frames in batches
        for offset, (stamp, payload) in enumerate(zip(frames.ts_recv, frames.payloads, strict=True))
    ]


def lines(count: int, first: int = 0) -> list[tuple[int, bytes]]:
    return [(NOON + number * S, b'{"n":%d}' % number) for number in range(first, first + count)]


def numbered(count: int) -> list[tuple[int, int, bytes]]:
    return [(number, stamp, payload) for number, (stamp, payload) in enumerate(lines(count))]


def test_reads_what_was_appended_with_positions_from_zero(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        assert flat([writer.append(lines(3))]) == numbered(3)
        assert flat(read(tmp_path)) == numbered(3)
        assert writer.append([]).payloads == []
        assert writer.sync() == 3


def test_open_segment_is_plain_text_of_stamp_and_payload(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append([(NOON, b'{"a":1}')])
        assert (tmp_path / f"{0:020d}.log").read_bytes() == b'1723161253000000000 {"a":1}\n'


def test_positions_go_on_after_restart(tmp_path: Path) -> None:
    for start in range(0, 9, 3):
        with JournalWriter.open(tmp_path) as writer:
            assert writer.next_position == start
            writer.append(lines(3, start))
    assert flat(read(tmp_path)) == numbered(9)


def test_lost_journal_goes_on_behind_what_the_lake_has(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, at_least=1000) as writer:
        writer.append(lines(1))
    assert [position for position, _, _ in flat(read(tmp_path))] == [1000]
    with JournalWriter.open(tmp_path, at_least=500) as writer:
        assert writer.next_position == 1001
    with JournalWriter.open(tmp_path, at_least=5000) as writer:
        writer.append(lines(1))
    assert [position for position, _, _ in flat(read(tmp_path))] == [1000, 5000]


def test_receive_time_always_rises_even_across_a_restart(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append([(NOON + 5, b"a"), (NOON + 3, b"b")])
    with JournalWriter.open(tmp_path) as writer:
        frames = writer.append([(NOON, b"c")])
    assert frames.ts_recv.tolist() == [NOON + 7]
    assert [stamp for _, stamp, _ in flat(read(tmp_path))] == [NOON + 5, NOON + 6, NOON + 7]


def test_line_end_inside_a_payload_becomes_a_space(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        returned = writer.append([(NOON, b'{"a":\n1}\n'), (NOON, b"{}")])
    assert flat(read(tmp_path)) == flat([returned]) == [(0, NOON, b'{"a": 1} '), (1, NOON + 1, b"{}")]


def test_turns_over_by_size_and_compresses_what_is_closed(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=100) as writer:
        for line in lines(20):
            writer.append([line])
    assert len(list(tmp_path.glob("*.log.zst"))) == 5
    assert not list(tmp_path.glob("*.log"))
    assert flat(read(tmp_path)) == numbered(20)


def test_turns_over_by_age(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, segment_s=4.5) as writer:
        for line in lines(10):
            writer.append([line])
    assert sorted(path.name[:20] for path in tmp_path.glob("*.zst")) == [f"{0:020d}", f"{5:020d}"]


@pytest.mark.parametrize("start", [0, 1, 4, 5, 19, 20, 99])
def test_reads_from_any_position(tmp_path: Path, start: int) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=100) as writer:
        for line in lines(20):
            writer.append([line])
        assert flat(read(tmp_path, start)) == numbered(20)[start:]


def test_reading_skips_whole_segments_below_the_start(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=100) as writer:
        for line in lines(20):
            writer.append([line])
    (tmp_path / f"{0:020d}.log.zst").write_bytes(b"unreadable")
    assert flat(read(tmp_path, 4)) == numbered(20)[4:]
    with pytest.raises(DataError, match="cannot be read beyond byte 0"):
        flat(read(tmp_path))


def test_reader_sees_only_whole_lines_while_the_writer_goes_on(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append(lines(2))
        with (tmp_path / f"{0:020d}.log").open("ab") as torn:
            torn.write(b"1723161253000000000 {")
        assert flat(read(tmp_path)) == numbered(2)


def test_segment_compressed_between_listing_and_reading_is_still_read(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append(lines(3))
        listed = journal_module.segments(tmp_path)
    assert flat(journal_module.files.read_segment(listed[0])) == numbered(3)


def test_deleted_segment_is_passed_over(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append(lines(3))
    listed = journal_module.segments(tmp_path)
    listed[0].path.unlink()
    assert flat(journal_module.files.read_segment(listed[0])) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 2**62), st.binary(max_size=40)), max_size=6), min_size=1, max_size=8
    ),
    segment_bytes=st.sampled_from([1, 64, 10**6]),
    data=st.data(),
)
def test_any_batching_and_any_crash_gives_back_a_prefix(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[int, bytes]]],
    segment_bytes: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    writer = JournalWriter.open(folder, segment_bytes=segment_bytes)
    appended = [frame for batch in batches for frame in flat([writer.append(batch)])]
    assert flat(read(folder)) == appended
    crash(writer)
    plain = sorted(folder.glob("*.log"))
    if plain:
        size = plain[-1].stat().st_size
        os.truncate(plain[-1], data.draw(st.integers(0, size), label="bytes that reached the disk"))
    with JournalWriter.open(folder, segment_bytes=segment_bytes) as again:
        kept = flat(read(folder))
        assert kept == appended[: len(kept)]
        assert again.next_position == len(kept)
        more = flat([again.append([(0, b"more")])])
    assert flat(read(folder)) == kept + more


def test_every_byte_of_the_last_lines_is_a_survivable_end(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    writer = JournalWriter.open(folder)
    writer.append(lines(3))
    crash(writer)
    path = folder / f"{0:020d}.log"
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        writer = JournalWriter.open(folder)
        crash(writer)
        assert flat(read(folder)) == numbered(3)[: whole[:size].count(b"\n")]


def crash(writer: JournalWriter) -> None:
    """Ends a writer as a killed process would: nothing is flushed, closed or compressed any more."""
    writer._compressor.shutdown()
    if writer._handle >= 0:
        os.close(writer._handle)
        writer._handle = -1
    writer._lock.release()


@pytest.mark.parametrize("leftover", [b"", b"half", None])
def test_crash_while_compressing_leaves_one_copy_that_counts(tmp_path: Path, leftover: bytes | None) -> None:
    writer = JournalWriter.open(tmp_path)
    writer.append(lines(3))
    crash(writer)
    with pa.output_stream(str(tmp_path / "whole"), compression="zstd") as complete:
        complete.write((tmp_path / f"{0:020d}.log").read_bytes())
    copy = (tmp_path / "whole").read_bytes() if leftover is None else leftover
    (tmp_path / f"{0:020d}.log.zst").write_bytes(copy)
    (tmp_path / f"{0:020d}.log.zst.part").write_bytes(copy[:5])
    assert flat(read(tmp_path)) == numbered(3)
    with JournalWriter.open(tmp_path) as again:
        assert again.next_position == 3
    assert flat(read(tmp_path)) == numbered(3)
    assert [path.name for path in tmp_path.glob("*.log*")] == [f"{0:020d}.log.zst"]


def test_plain_segments_of_a_crash_are_compressed_at_the_next_start(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    writer.append(lines(3))
    crash(writer)
    (tmp_path / f"{3:020d}.log").write_bytes(b"")
    with JournalWriter.open(tmp_path) as again:
        assert again.next_position == 3
    assert (tmp_path / f"{0:020d}.log.zst").is_file()
    assert flat(read(tmp_path)) == numbered(3)


def test_second_writer_is_refused_with_the_first_ones_process_id(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from trifecta.capture.journal import JournalWriter
JournalWriter.open(Path({str(tmp_path)!r}))
"""
    with JournalWriter.open(tmp_path):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "PermanentError" in run.stderr
    assert f"is being written by process {os.getpid()}" in run.stderr
    JournalWriter.open(tmp_path).close()


def test_full_disk_leaves_nothing_half_written_and_takes_the_batch_later(tmp_path: Path) -> None:
    """A file-size limit stands for the full disk: the kernel takes a part of the batch and refuses the rest."""
    code = f"""
import resource
from pathlib import Path
from trifecta.capture.journal import JournalWriter, read
from trifecta.errors import TransientError
folder = Path({str(tmp_path)!r})
writer = JournalWriter.open(folder)
batch = [({NOON}, b"x" * 100) for _ in range(20)]
writer.append(batch)
resource.setrlimit(resource.RLIMIT_FSIZE, (3500, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        writer.append(batch)
        raise SystemExit("the limit did not hold")
    except TransientError as error:
        assert "make room" in str(error), error
    assert sum(len(frames.payloads) for frames in read(folder)) == 20
    assert (folder / f"{{0:020d}}.log").stat().st_size == 20 * 121
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert writer.append(batch).first_position == 20
assert sum(len(frames.payloads) for frames in read(folder)) == 40
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_segment_that_cannot_be_begun_is_begun_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=1) as writer:
        writer.append(lines(1))
        real = os.open

        def full(path: object, *rest: object) -> int:
            if str(path).endswith(".log"):
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", full)
        with pytest.raises(TransientError, match="No space left"):
            writer.append(lines(1, 1))
        monkeypatch.undo()
        writer.append(lines(1, 1))
    assert flat(read(tmp_path)) == numbered(2)


def test_compression_without_room_keeps_the_plain_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pa, "output_stream", full)
        with JournalWriter.open(tmp_path) as writer:
            writer.append(lines(3))
    assert [path.name for path in tmp_path.glob("*.log*")] == [f"{0:020d}.log"]
    JournalWriter.open(tmp_path).close()
    assert [path.name for path in tmp_path.glob("*.log*")] == [f"{0:020d}.log.zst"]
    assert flat(read(tmp_path)) == numbered(3)


def test_unwritable_folder_is_a_transient_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientError, match=r"file/journal cannot be opened"):
        JournalWriter.open(tmp_path / "file" / "journal")


def test_retention_deletes_closed_segments_older_than_asked(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=100) as writer:
        for line in lines(8):
            writer.append([line])
    first = tmp_path / f"{0:020d}.log.zst"
    os.utime(first, (NOON / S, NOON / S))
    (tmp_path / f"{8:020d}.log").write_bytes(b"")
    os.utime(tmp_path / f"{8:020d}.log", (NOON / S, NOON / S))
    clock = ManualClock(NOON)
    clock.advance(86_400)
    assert retain(tmp_path, 1.5, clock=clock) == []
    clock.advance(86_400)
    assert retain(tmp_path, 1.5, clock=clock) == [first]
    assert flat(read(tmp_path)) == numbered(8)[4:]


def test_compressed_segment_keeps_the_time_it_was_written(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path)
    writer.append(lines(1))
    os.utime(tmp_path / f"{0:020d}.log", ns=(NOON, NOON))
    writer.close()
    assert (tmp_path / f"{0:020d}.log.zst").stat().st_mtime_ns == NOON


@pytest.mark.parametrize("segment_bytes", [100, 10**6])
@pytest.mark.parametrize(
    ("position", "seconds", "expected"), [(20, 0, 19), (20, 5, 14), (10, 5, 4), (10, 1000, 0), (0, 5, 0), (50, 5, 50)]
)
def test_finds_the_frame_from_which_a_restart_replays(
    tmp_path: Path, segment_bytes: int, position: int, seconds: float, expected: int
) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=segment_bytes) as writer:
        for line in lines(20):
            writer.append([line])
    assert position_before(tmp_path, position, seconds) == expected


def test_restart_across_a_pause_between_segments_replays_from_behind_it(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path) as writer:
        writer.append(lines(5))
    with JournalWriter.open(tmp_path) as writer:
        writer.append(lines(5, 1000))
    assert position_before(tmp_path, 10, 100) == 5


@pytest.mark.parametrize("name", ["plain.log", "packed.gz", "packed.zst"])
def test_reads_foreign_recordings_whatever_their_packing(tmp_path: Path, name: str) -> None:
    text = b"1723161253000000000 a\nno stamp\n1723161252000000000 b\n172316125300000000 short\n\nlast"
    path = tmp_path / name
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(text))
    elif name.endswith("zst"):
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(text)
    else:
        path.write_bytes(text)
    payloads = [b"a", b"no stamp", b"b", b"172316125300000000 short", b"", b"last"]
    assert flat(read_file(path, 7)) == [(7 + number, NOON + number, payload) for number, payload in enumerate(payloads)]


def test_truncated_recording_gives_what_it_holds_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d %d\n" % (NOON, n) for n in range(1000)))[:-12])
    with pytest.raises(DataError, match=r"cut.gz cannot be read beyond byte"):
        flat(read_file(path))


def test_file_that_is_not_what_its_name_says_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.gz"
    path.write_bytes(b"1723161253000000000 a\n")
    with pytest.raises(DataError, match=r"not.gz cannot be read beyond byte 0"):
        flat(read_file(path))


@pytest.mark.recorded
def test_reads_every_line_of_a_real_recording(recorded: Path) -> None:
    path = recorded / "binance_raw_hftbacktest" / "spot" / "btcusdt_20240808.gz"
    stamp = 0
    expected = []
    for number, line in enumerate(gzip.decompress(path.read_bytes()).splitlines()):
        stamp = max(stamp, int(line[:19]))
        expected.append((number, stamp, line[20:]))
    assert flat(read_file(path)) == expected
