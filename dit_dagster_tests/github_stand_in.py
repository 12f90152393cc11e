"""A stand-in for GitHub's REST API: a repository's pull requests, checks, statuses and comments, on a real port.

It validates what it is sent as GitHub documents it (https://docs.github.com/en/rest): credentials, media type, fields,
their values and lengths. What is wrong is answered with 401, 403, 404 or 422, and listed in `refused`.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jsonschema
import jwt

SLUG = "mia/flight-gaps"
OWNER, NAME = SLUG.split("/")
LIMIT = 65_535

_SHA = {"type": "string", "pattern": "^[0-9a-f]{40}$"}
_OUTPUT = {
    "type": "object",
    "required": ["title", "summary"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 255},
        "summary": {"type": "string", "minLength": 1, "maxLength": LIMIT},
        "text": {"type": "string", "maxLength": LIMIT},
    },
}
_CHECK: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "head_sha": _SHA,
        "details_url": {"type": "string", "pattern": "^https?://"},
        "external_id": {"type": "string"},
        "status": {"enum": ["queued", "in_progress", "completed"]},
        "conclusion": {
            "enum": ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"]
        },
        "output": _OUTPUT,
    },
    "dependentRequired": {"conclusion": ["status"]},
    "if": {"required": ["status"], "properties": {"status": {"const": "completed"}}},
    "then": {"required": ["conclusion"]},
    "else": {"not": {"required": ["conclusion"]}},
}
_STATUS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["state"],
    "properties": {
        "state": {"enum": ["error", "failure", "pending", "success"]},
        "target_url": {"type": "string", "pattern": "^https?://"},
        "description": {"type": "string", "maxLength": 140},
        "context": {"type": "string", "minLength": 1},
    },
}
_COMMENT: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["body"],
    "properties": {"body": {"type": "string", "minLength": 1, "maxLength": LIMIT + 1}},
}
_TOKEN: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["permissions"],
    "properties": {
        "permissions": {"type": "object", "additionalProperties": {"enum": ["read", "write"]}},
    },
}


@dataclass(slots=True)
class Faults:
    """What goes wrong with the next requests that match, each once: an answer, or None for one that is lost."""

    planned: list[tuple[str, int | None]] = field(default_factory=list)
    retry_after: str | None = None

    def take(self, said: str) -> tuple[int | None] | None:
        for place, (pattern, answer) in enumerate(self.planned):
            if re.search(pattern, said):
                del self.planned[place]
                return (answer,)
        return None


@dataclass(slots=True)
class StandIn:
    """What the host knows, and all that it was sent. `may` are the permissions of whoever has `token`."""

    token: str = field(default_factory=lambda: secrets.token_hex(20))
    login: str = "github-actions[bot]"
    may: set[str] = field(default_factory=lambda: {"checks", "pull_requests", "statuses"})
    app_key: str | None = None
    address: str = ""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    checks: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    granted: list[Mapping[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def open_pull(self, number: int, *, fork: bool = False, draft: bool = False, author: str = "mia") -> None:
        home = {"full_name": f"{author}/elsewhere" if fork else SLUG, "url": f"{self.address}/repos/{SLUG}"}
        with self.lock:
            self.pulls[number] = {
                "number": number,
                "state": "open",
                "url": f"{self.address}/repos/{SLUG}/pulls/{number}",
                "user": {"login": author},
                "draft": draft,
                "labels": [],
                "head": {"repo": home},
            }

    def label(self, number: int, *names: str) -> None:
        with self.lock:
            self.pulls[number]["labels"] = [{"name": name} for name in names]

    def comment_by(self, login: str, number: int, body: str) -> int:
        with self.lock:
            made = len(self.comments) + 1
            url = f"{self.address}/repos/{SLUG}/issues/comments/{made}"
            self.comments[made] = {"id": made, "url": url, "issue": number, "user": {"login": login}, "body": body}
            return made

    def texts(self, number: int) -> list[str]:
        """The comments under a pull request."""
        with self.lock:
            return [one["body"] for one in self.comments.values() if one["issue"] == number]

    def check(self, commit: str) -> dict[str, Any]:
        """The latest check of a commit."""
        with self.lock:
            return [one for one in self.checks.values() if one["head_sha"] == commit][-1]


@contextmanager
def stand_in(**given: Any) -> Iterator[StandIn]:
    """Serve one, on a free port of this machine."""
    host = StandIn(**given)

    class Handler(_Handler):
        known = host

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def place_of(said: str) -> str:
    return said.split(" ")[1].split("?")[0]


class _Wrong(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Answer = tuple[int, Any]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known: StandIn

    def log_message(self, *_: Any) -> None:
        """It would write into the tests' output."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        said = f"{self.command} {self.path}"
        with self.known.lock:
            self.known.requests.append(said)
            self.known.bodies.append(body)
            fault = self.known.faults.take(said)
            if fault is not None and fault[0] is not None:
                return self._send(fault[0], {"message": "planned"})
            try:
                status, answer = deepcopy(self._answer(body))  # what is asked next may change it while it is sent
            except _Wrong as wrong:
                if place_of(said) != "/user":  # the token of a job asks in vain who it is
                    self.known.refused.append(f"{said}: {wrong.status} {wrong}")
                status, answer = wrong.status, {"message": str(wrong)}
        if fault is not None:  # it was done, and nobody hears of it
            self.close_connection = True
            self.connection.close()
            return None
        return self._send(status, answer)

    def _send(self, status: int, answer: Any) -> None:
        text = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        if status == 429 and self.known.faults.retry_after is not None:
            self.send_header("Retry-After", self.known.faults.retry_after)
        if isinstance(answer, list) and answer:  # the next page, which is empty after the last
            place = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(place.query).items()}
            query["page"] = str(int(query.get("page", "1")) + 1)
            self.send_header("Link", f'<{self.known.address}{place.path}?{urlencode(query)}>; rel="next"')
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, body: str) -> Answer:
        if "github" not in self.headers.get("Accept", "") and self.headers.get("Accept") != "*/*":
            raise _Wrong(415, "no media type of this API")
        place = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(place.query).items()}
        for method, pattern, permission, answer in _ROUTES:
            found = re.fullmatch(pattern, place.path)
            if found and method == self.command:
                self._authorise(permission)
                return answer(self.known, found, query, json.loads(body) if body else {})
        raise _Wrong(404, "Not Found")

    def _authorise(self, permission: str) -> None:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if permission == "app":
            return self._authorise_app(kind, given)
        if kind.lower() not in ("token", "bearer") or given != self.known.token:
            raise _Wrong(401, "Bad credentials")
        if permission and permission not in self.known.may:
            raise _Wrong(403, "Resource not accessible by integration")
        return None

    def _authorise_app(self, kind: str, given: str) -> None:
        if self.known.app_key is None:
            raise _Wrong(404, "Not Found")
        try:
            claims = jwt.decode(
                given, self.known.app_key, algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]}
            )
        except jwt.PyJWTError as error:
            raise _Wrong(401, f"A JSON web token could not be decoded: {error}") from None
        if kind != "Bearer" or claims["exp"] - claims["iat"] > 660:
            raise _Wrong(401, "'Expiration time' claim ('exp') is too far in the future")


def _valid(schema: Mapping[str, Any], given: Any) -> None:
    try:
        jsonschema.validate(given, schema)
    except jsonschema.ValidationError as error:
        raise _Wrong(422, f"Invalid request: {error.message[:300]}") from None


def _pulls(host: StandIn, _: re.Match[str], query: Mapping[str, str], __: Any) -> Answer:
    size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    found = [host.pulls[number] for number in sorted(host.pulls, reverse=True)]
    return 200, [one for one in found if query.get("state") in (None, one["state"])][size * (page - 1) : size * page]


def _list_checks(host: StandIn, found: re.Match[str], query: Mapping[str, str], _: Any) -> Answer:
    runs = [one for one in host.checks.values() if one["head_sha"] == found[1]]
    latest = {one["name"]: one for one in runs}
    those = [one for one in latest.values() if query.get("check_name") in (None, one["name"])]
    return 200, {"total_count": len(those), "check_runs": those}


def _new_check(host: StandIn, _: re.Match[str], __: Any, given: dict[str, Any]) -> Answer:
    _valid({**_CHECK, "required": ["name", "head_sha"]}, given)
    number = len(host.checks) + 1
    url = f"{host.address}/repos/{SLUG}/check-runs/{number}"
    host.checks[number] = {"id": number, "url": url, "status": "queued", "conclusion": None, **given}
    return 201, host.checks[number]


def _edit_check(host: StandIn, found: re.Match[str], _: Any, given: dict[str, Any]) -> Answer:
    _valid(_CHECK, given)
    if int(found[1]) not in host.checks:
        raise _Wrong(404, "Not Found")
    host.checks[int(found[1])] |= given
    return 200, host.checks[int(found[1])]


def _new_status(host: StandIn, found: re.Match[str], _: Any, given: dict[str, Any]) -> Answer:
    _valid(_STATUS, given)
    host.statuses.append({"sha": found[1], **given})
    return 201, {"url": f"{host.address}{found[0]}", **given}


def _list_comments(host: StandIn, found: re.Match[str], query: Mapping[str, str], _: Any) -> Answer:
    size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    those = [one for one in host.comments.values() if one["issue"] == int(found[1])]
    return 200, those[size * (page - 1) : size * page]


def _new_comment(host: StandIn, found: re.Match[str], _: Any, given: dict[str, Any]) -> Answer:
    _valid(_COMMENT, given)
    if int(found[1]) not in host.pulls:
        raise _Wrong(404, "Not Found")
    return 201, host.comments[host.comment_by(host.login, int(found[1]), given["body"])]


def _edit_comment(host: StandIn, found: re.Match[str], _: Any, given: dict[str, Any]) -> Answer:
    _valid(_COMMENT, given)
    host.comments[int(found[1])] |= given
    return 200, host.comments[int(found[1])]


def _delete_comment(host: StandIn, found: re.Match[str], _: Any, __: Any) -> Answer:
    del host.comments[int(found[1])]
    return 204, None


def _user(host: StandIn, *_: Any) -> Answer:
    if host.login.endswith("[bot]"):
        raise _Wrong(403, "Resource not accessible by integration")
    return 200, {"login": host.login}


def _installation(_: StandIn, *__: Any) -> Answer:
    return 200, {"id": 17, "app_id": 5}


def _app(host: StandIn, *_: Any) -> Answer:
    return 200, {"slug": host.login.removesuffix("[bot]"), "id": 5}


def _grant(host: StandIn, _: re.Match[str], __: Any, given: dict[str, Any]) -> Answer:
    _valid(_TOKEN, given)
    host.granted.append(given["permissions"])
    host.may &= set(given["permissions"])
    return 201, {"token": host.token, "expires_at": "2099-01-01T00:00:00Z", "permissions": given["permissions"]}


_REPO = f"/repos/{re.escape(SLUG)}"
_Route = tuple[str, str, str, Callable[[StandIn, re.Match[str], Mapping[str, str], Any], Answer]]
_ROUTES: tuple[_Route, ...] = (
    ("GET", f"{_REPO}/pulls", "pull_requests", _pulls),
    ("GET", f"{_REPO}/commits/([0-9a-f]{{40}})/check-runs", "checks", _list_checks),
    ("POST", f"{_REPO}/check-runs", "checks", _new_check),
    ("PATCH", f"{_REPO}/check-runs/(\\d+)", "checks", _edit_check),
    ("POST", f"{_REPO}/statuses/([0-9a-f]{{40}})", "statuses", _new_status),
    ("GET", f"{_REPO}/issues/(\\d+)/comments", "pull_requests", _list_comments),
    ("POST", f"{_REPO}/issues/(\\d+)/comments", "pull_requests", _new_comment),
    ("PATCH", f"{_REPO}/issues/comments/(\\d+)", "pull_requests", _edit_comment),
    ("DELETE", f"{_REPO}/issues/comments/(\\d+)", "pull_requests", _delete_comment),
    ("GET", "/user", "", _user),
    ("GET", "/app", "app", _app),
    ("GET", f"{_REPO}/installation", "app", _installation),
    ("POST", r"/app/installations/17/access_tokens", "app", _grant),
)
