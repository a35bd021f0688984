"""A bucket on loopback that speaks as much of S3 as a lake needs: whole objects, ranges, listings, and puts that only
the first of two writers wins. It knows no signatures."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[2]


class Object(NamedTuple):
    """What was put, and when: Delta deletes commits that are older than a month from a table's log."""

    body: bytes
    modified: datetime


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[str, Object] = {}
        self.refused = 0
        self.fails = False
        self.lock = threading.Lock()


class Bucket(NamedTuple):
    """A bucket that is served; it answers to any name."""

    url: str
    process: subprocess.Popen[str]

    def fail(self, on: bool) -> None:
        """Answers every request 503 from now on, or no longer."""
        assert self.process.stdin is not None
        self.process.stdin.write("fail\n" if on else "work\n")
        self.process.stdin.flush()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Connections stand and nothing comes through them."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a client finds it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_REGION": "us-east-1",
        }

    @property
    def refused(self) -> int:
        """How many puts came second."""
        with urlopen(f"{self.url}/refused/") as answer:  # noqa: S310 - loopback
            return int(answer.read())


@contextmanager
def bucket() -> Iterator[Bucket]:
    """One of its own process, because some of Delta's calls keep the interpreter while they wait for an answer."""
    command = [sys.executable, "-m", __spec__.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Bucket(process.stdout.readline().strip(), process)
        finally:
            process.stdin.close()


def serve() -> None:
    """Serves until standard input ends, whose lines say whether to fail; prints the address."""
    server = _Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201
    for line in sys.stdin:
        server.fails = line == "fail\n"


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.server.fails:
            self.close_connection = True
            self._answer(503)
        return not self.server.fails

    def do_GET(self) -> None:
        key, query = self._asked()
        if "list-type" in query:
            return self._answer(200, _listing(self.server.objects, query))
        if not key:
            return self._answer(200, str(self.server.refused).encode())
        if (found := self.server.objects.get(key)) is None:
            return self._answer(404)
        body, modified = found
        told = {"Last-Modified": format_datetime(modified, usegmt=True)}
        unit, _, span = self.headers.get("Range", "").partition("=")
        if unit != "bytes":
            return self._answer(200, body, told)
        first, _, last = span.partition("-")
        start = int(first) if first else max(len(body) - int(last), 0)
        stop = min(int(last) + 1, len(body)) if first and last else len(body)
        return self._answer(206, body[start:stop], told | {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"})

    do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

    def do_PUT(self) -> None:
        key, query = self._asked()
        body = self._body()
        if query:
            return self._answer(501)
        with self.server.lock:
            if self.headers.get("If-None-Match") == "*" and key in self.server.objects:
                self.server.refused += 1
                return self._answer(412)
            self.server.objects[key] = Object(body, datetime.now(UTC))
        return self._answer(200)

    def do_POST(self) -> None:
        _, query = self._asked()
        body = self._body()
        if "delete" not in query:
            return self._answer(501)
        keys = [one.text or "" for one in ElementTree.fromstring(body).iter() if one.tag.endswith("Key")]  # noqa: S314
        for key in keys:
            self.server.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _asked(self) -> tuple[str, dict[str, list[str]]]:
        """(key, query)."""
        asked = urlsplit(self.path)
        return unquote(asked.path).partition("/")[2].partition("/")[2], parse_qs(asked.query, keep_blank_values=True)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = _joined(self.rfile)
        self.rfile.readline()
        return _joined(BytesIO(body)) if self.headers.get("Content-Encoding") == "aws-chunked" else body

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"Content-Length": str(len(body)), "ETag": '"x"'} | (headers or {})
        for name, value in told.items():
            self.send_header(name, value)
        with contextlib.suppress(ConnectionError):  # a client that had enough hangs up
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_: object) -> None:
        pass  # tests are told of failures, not of requests


def _joined(chunks: BinaryIO) -> bytes:
    """What was sent in chunks, up to the empty one."""
    parts = []
    while size := int(chunks.readline().partition(b";")[0], 16):
        parts.append(chunks.read(size))
        chunks.readline()
    return b"".join(parts)


def _listing(objects: dict[str, Object], query: dict[str, list[str]]) -> bytes:
    prefix, after, delimiter = (query.get(name, [""])[0] for name in ("prefix", "start-after", "delimiter"))
    told = dict[str, str]()
    for key, (body, modified) in sorted(objects.copy().items()):
        folder, inner, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
        if not key.startswith(prefix) or key <= after:
            continue
        if inner:
            told[folder] = f"<CommonPrefixes><Prefix>{escape(prefix + folder + inner)}</Prefix></CommonPrefixes>"
        else:
            stamp = modified.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            size = f"<Size>{len(body)}</Size><ETag>x</ETag>"
            told[key] = f"<Contents><Key>{escape(key)}</Key>{size}<LastModified>{stamp}</LastModified></Contents>"
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(told.values())}</ListBucketResult>".encode()


if __name__ == "__main__":
    serve()
