"""A registry of images on loopback, as small as an engine takes: push, pull, and the digest of a tag."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class _Handler(BaseHTTPRequestHandler):
    blobs: ClassVar[dict[str, bytes]] = {}
    manifests: ClassVar[dict[str, tuple[str, bytes]]] = {}
    uploads: ClassVar[dict[str, bytes]] = {}
    broken: ClassVar[threading.Event] = threading.Event()
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.broken.is_set():
            self._answer(503)
        elif self.path in ("/v2", "/v2/"):
            self._answer(200)
        elif (found := self.manifests.get(self._named(self._last()))) is not None:
            self._answer(200, found[1], {"Content-Type": found[0], "Docker-Content-Digest": _digest(found[1])})
        elif (blob := self.blobs.get(self._last())) is not None:
            self._answer(200, blob, {"Docker-Content-Digest": self._last()})
        else:
            kind = "MANIFEST_UNKNOWN" if "/manifests/" in self.path else "BLOB_UNKNOWN"
            body = f'{{"errors": [{{"code": "{kind}", "message": "it is not here"}}]}}'
            self._answer(404, body.encode(), {"Content-Type": "application/json"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        upload = uuid.uuid4().hex
        self.uploads[upload] = b""
        self._answer(202, headers={"Location": f"{self.path.rstrip('/')}/{upload}", "Range": "0-0"})

    def do_PATCH(self) -> None:
        self.uploads[self._last()] += self._body()
        end = len(self.uploads[self._last()]) - 1
        self._answer(202, headers={"Location": self.path, "Range": f"0-{end}"})

    def do_PUT(self) -> None:
        body = self._body()
        if "/manifests/" in self.path:
            for name in (self._last(), _digest(body)):
                self.manifests[self._named(name)] = (self.headers["Content-Type"], body)
            self._answer(201, headers={"Docker-Content-Digest": _digest(body)})
        else:
            whole = self.uploads.pop(self._last()) + body
            self.blobs[_digest(whole)] = whole
            self._answer(201, headers={"Docker-Content-Digest": _digest(whole)})

    def _named(self, reference: str) -> str:
        """A manifest belongs to its repository."""
        return f"{self.path.partition('/manifests/')[0]} {reference}"

    def _last(self) -> str:
        return re.split(r"[?#]", self.path)[0].rpartition("/")[2]

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """Its address, and a switch that breaks it."""

    def __init__(self, address: str, broken: threading.Event) -> None:
        self.address = address
        self.broken = broken


@contextmanager
def registry() -> Iterator[Registry]:
    """An empty registry. Engines speak to loopback without TLS."""
    broken = threading.Event()
    handler = type("Handler", (_Handler,), {"blobs": {}, "manifests": {}, "uploads": {}, "broken": broken})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Registry(f"127.0.0.1:{server.server_port}", broken)
    finally:
        server.shutdown()
        server.server_close()
