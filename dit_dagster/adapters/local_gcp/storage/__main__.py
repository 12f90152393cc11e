"""The storage and token server.

usage: python -m dit_dagster.adapters.local_gcp.storage ROOT [--port N]
"""

from __future__ import annotations

import argparse
import io
import json
import re
import signal
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from dit_dagster.adapters.local_gcp.child import HOST, PortTaken, attach, check_free
from dit_dagster.adapters.local_gcp.storage.api import Request, Response, Slice, StorageApi, failure
from dit_dagster.adapters.local_gcp.storage.objects import ObjectStore
from dit_dagster.adapters.local_gcp.storage.uploads import Uploads

_BLOCK = 1 << 20


class _Server(ThreadingHTTPServer):
    """A thread per connection; `api` and `uploads` answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root: Path, port: int) -> None:
        store = ObjectStore(root)
        self.api = StorageApi(store)
        self.uploads = Uploads(store, self.api)
        super().__init__((HOST, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: without this, 40 ms between them
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: what matters is in the responses."""

    def _handle(self) -> None:
        content = self._content()
        try:
            response = self._answered(content)
        except Exception as error:  # noqa: BLE001 - 501, because clients retry a broken connection for minutes
            response = failure(501, f"the local storage failed: {type(error).__name__}: {error}")
        content.read()  # what an early answer left unread would be taken for the next request
        self._send(response)

    def _answered(self, content: Any) -> Response:
        request = Request(method=self.command, target=self.path, headers=self.headers)  # type: ignore[arg-type]
        if self.server.uploads.concerns(request):
            return self.server.uploads.answer(request, content)
        if request.path.startswith("/batch"):
            return self._batch(content.read())
        return self.server.api.answer(replace(request, body=content.read()))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the base class's names

    def _content(self) -> Any:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return io.BytesIO(b"".join(self._chunks()))
        return _Limited(self.rfile, int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> list[bytes]:
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return chunks

    def _send(self, response: Response) -> None:
        content = response.content
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        if isinstance(content, Slice):
            size, kind = content.stop - content.start, "application/octet-stream"
        else:
            size, kind = len(content or b""), "application/json; charset=UTF-8"
        self.send_response(response.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(size), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(content, Slice):
            self._stream(content)
        elif content:
            self.wfile.write(content)  # type: ignore[arg-type]

    def _stream(self, content: Slice) -> None:
        left = content.stop - content.start
        with content.stored.path.open("rb") as source:
            source.seek(content.start)
            while left and (block := source.read(min(_BLOCK, left))):
                self.wfile.write(block)
                left -= len(block)

    def _batch(self, body: bytes) -> Response:
        """Several requests in one body, as the client's `batch()` and Beam's deletes send them."""
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        if boundary is None:
            return failure(400, "a batch needs a boundary")
        answers = [self._batched(part) for part in body.split(b"--" + boundary[1].encode())[1:-1]]
        joined = b"".join(b"--batch\r\n" + answer for answer in answers) + b"--batch--\r\n"
        return Response(content=joined, headers={"Content-Type": "multipart/mixed; boundary=batch"})

    def _batched(self, part: bytes) -> bytes:
        """One request of a batch. The official client ends lines with a bare line feed, others as HTTP does."""
        outer, _, inner = part.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
        head, _, body = inner.lstrip(b"\n").partition(b"\n\n")
        method, target, *_ = head.split(b"\n")[0].decode().split(" ")
        target = re.sub(r"^https?://[^/]+", "", target)
        response = self.server.api.answer(Request(method=method, target=target, body=body.strip()))
        identifier = re.search(rb"(?i)content-id:\s*<?([^>\r\n]+)", outer)
        content = json.dumps(response.content).encode() if response.content is not None else b""
        return (
            b"Content-Type: application/http\r\n"
            + (b"Content-ID: <response-" + identifier[1] + b">\r\n" if identifier else b"")
            + f"\r\nHTTP/1.1 {response.status} X\r\nContent-Type: application/json; charset=UTF-8\r\n".encode()
            + f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
            + b"\r\n"
        )


class _Limited(io.RawIOBase):
    """The first `size` bytes of a connection."""

    def __init__(self, source: io.BufferedIOBase, size: int) -> None:
        self._source = source
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        block = self._source.read(wanted) if wanted else b""
        self._left -= len(block)
        return block


def main() -> int:
    """Serve until SIGTERM, or until standard input closes."""
    parser = argparse.ArgumentParser(prog="storage")
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    announce = attach()
    try:
        check_free(options.port, "Cloud Storage")
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
    server = _Server(options.root, options.port)
    announce({"url": f"http://{HOST}:{server.server_address[1]}"})
    server.serve_forever(poll_interval=3600)
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
