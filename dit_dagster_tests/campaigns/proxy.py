"""A proxy between the client and the warehouse that does what networks and servers do, now and then."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STATUSES = {"429": "rateLimitExceeded", "500": "internalError", "503": "backendError"}
FAULTS = ("reset before", "answer lost", "sent twice", "silence before", "silence after", "gateway", *STATUSES)
_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}

Answer = tuple[int, dict[str, str], bytes]


@dataclass(slots=True, kw_only=True)
class Faults:
    """Which share of the requests something happens to, and what did.

    `patience`: how long the client waits for an answer, in seconds; silence lasts a little longer.
    """

    chance: random.Random
    share: float
    patience: float
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> str | None:
        with self.lock:
            what = self.chance.choice(FAULTS) if self.chance.random() < self.share else None
            self.counts[what or "none"] += 1
            return what


@contextmanager
def proxy(rest: str, faults: Faults) -> Iterator[str]:
    """The address of a proxy before `rest`."""
    server = _Server(rest, faults)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, rest: str, faults: Faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(rest).netloc
        self.faults = faults


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = self.server.faults.next()
        if what == "reset before":
            self._reset()
        elif what == "silence before":
            time.sleep(self.server.faults.patience + 1)
            self._reset()
        elif what in STATUSES:
            self._answer(_provoked(what))
        else:
            for _ in range(2 if what == "sent twice" else 1):
                answer = self._forwarded(body)
            if what == "silence after":
                time.sleep(self.server.faults.patience + 1)
            if what in ("answer lost", "silence after"):
                self._reset()
            elif what == "gateway":  # what was asked for is done, and the one in between had no patience
                self._answer((504, {"Content-Type": "text/html"}, b"<html>upstream request timeout</html>"))
            else:
                self._answer(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815  # the names that http.server asks for

    def _forwarded(self, body: bytes) -> Answer:
        to = http.client.HTTPConnection(self.server.behind)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        to.request(self.command, self.path, body, headers)
        answer = to.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def _answer(self, answer: Answer) -> None:
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what happened."""


def _provoked(status: str) -> Answer:
    reason = STATUSES[status]
    said = f'{{"error": {{"code": {status}, "message": "provoked", "errors": [{{"reason": "{reason}"}}]}}}}'
    return int(status), {"Content-Type": "application/json"}, said.encode()
