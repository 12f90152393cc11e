"""A stand-in for what this project uses of Cloud Build, Storage and Resource Manager, on a real port.

Requests and answers are checked against Google's own discovery documents: an unknown field or parameter, a value of
another type, or a field that only the service may write, is answered with 400 and listed in `refused`. What the
documents do not say (the life of a build, substitutions, preconditions) follows the services' reference pages.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

from dit_dagster_tests.google_discovery import Method, methods, wrong

PROJECT, BUCKET = "stand-in", "stand-in-sources"
_APIS = ("cloudbuild.v1", "storage.v1", "cloudresourcemanager.v1")
_SUBSTITUTION = re.compile(r"(?<!\$)(?:\$\$)*\$(?!\$)")
_ACTIVE = ("QUEUED", "WORKING")


class Call(NamedTuple):
    """What a method is called with: the parts of the path, the parameters, and the body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


class Refused(Exception):
    """An answer with a status that is no success."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


@dataclass(slots=True)
class StandIn:
    """What the services hold. `worker` does a build's work in a thread: it sets statuses with `step` and `end`.

    `lost`: methods of which the next answer does not arrive, though they were done. `failing`: methods that fail.
    """

    address: str = ""
    granted: set[str] = field(
        default_factory=lambda: {"cloudbuild.builds.create", "cloudbuild.builds.get", "cloudbuild.builds.update"}
    )
    objects: dict[str, bytes] = field(default_factory=dict)
    builds: dict[str, dict[str, Any]] = field(default_factory=dict)
    worker: Callable[[StandIn, str], None] | None = None
    lost: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def source(self, build: str) -> bytes:
        """The archive that a build names as its source."""
        return self.objects[self.builds[build]["source"]["storageSource"]["object"]]

    def step(self, build: str, place: int, status: str, code: int | None = None) -> None:
        """Say how a step of a build goes."""
        with self.lock:
            said = {"status": status} | ({"exitCode": code} if code else {})
            self.builds[build]["steps"][place] |= said

    def end(self, build: str, status: str) -> None:
        """End a build, unless it was ended."""
        with self.lock:
            if self.builds[build]["status"] in _ACTIVE:
                self.builds[build]["status"] = status

    def judged(self, code: int) -> None:
        """Every build from now on ends at once, as `dit run` with that exit code would make it."""

        def work(stand_in: StandIn, build: str) -> None:
            last = len(stand_in.builds[build]["steps"]) - 1
            for place in range(last):
                stand_in.step(build, place, "SUCCESS")
            stand_in.step(build, last, "FAILURE" if code else "SUCCESS", code)
            stand_in.end(build, "FAILURE" if code else "SUCCESS")

        self.worker = work

    def answer(self, method: Method, path: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        """What a method answers. Refused for what it does not take."""
        act = getattr(self, f"_{method.id.replace('.', '_')}", None)
        if act is None:
            raise Refused(501, f"the stand-in does not do {method.id}")
        if method.id in self.failing:
            raise Refused(self.failing[method.id], "the service is said to fail")
        with self.lock:
            return deepcopy(act(Call(path, query, body)))  # what is sent stays as it is while a build goes on

    def _cloudbuild_projects_locations_builds_create(self, call: Call) -> Any:
        if call.path["projectsId"] != PROJECT or "cloudbuild.builds.create" not in self.granted:
            raise Refused(403, "The caller does not have permission")
        stored = call.body["source"]["storageSource"]
        if stored["bucket"] != BUCKET or stored["object"] not in self.objects or stored["generation"] != "1":
            raise Refused(400, "the source is not there")
        for step in call.body["steps"]:
            for text in (*step.get("args", ()), *step.get("env", ())):
                if _SUBSTITUTION.search(text):
                    raise Refused(400, f"generic::invalid_argument: key in the template {text!r} is not a substitution")
        build = str(uuid.uuid4())
        self.builds[build] = {
            **json.loads(json.dumps(call.body)),
            "id": build,
            "name": f"projects/{PROJECT}/locations/{call.path['locationsId']}/builds/{build}",
            "projectId": PROJECT,
            "status": "QUEUED",
            "logUrl": f"https://console.example/{build}",
        }
        if self.worker is not None:
            threading.Thread(target=self._worked, args=(build, self.worker), daemon=True).start()
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        encoded = base64.urlsafe_b64encode(build.encode()).decode()
        name = f"operations/build/{PROJECT}/{encoded}"
        return {"name": name, "metadata": {"@type": kind, "build": self.builds[build]}}

    def _worked(self, build: str, worker: Callable[[StandIn, str], None]) -> None:
        with self.lock:
            if self.builds[build]["status"] == "QUEUED":  # it may have been cancelled by now
                self.builds[build]["status"] = "WORKING"
        try:
            worker(self, build)
        except Exception as error:  # whoever follows the build would wait for it for ever
            with self.lock:
                self.builds[build]["statusDetail"] = repr(error)
            self.end(build, "INTERNAL_ERROR")
            raise

    def _cloudbuild_projects_locations_builds_get(self, call: Call) -> Any:
        return self._build(call.path["buildsId"])

    def _cloudbuild_projects_locations_builds_list(self, call: Call) -> Any:
        [tag] = re.findall(r'^tags="([\w-]+)"$', call.query["filter"])
        return {"builds": [one for one in self.builds.values() if tag in one.get("tags", ())]}

    def _cloudbuild_projects_locations_builds_cancel(self, call: Call) -> Any:
        found = self._build(call.path["buildsId"])
        if found["status"] not in _ACTIVE:
            raise Refused(400, "Cannot cancel build. Build is already complete.")
        found["status"] = "CANCELLED"
        return found

    def _build(self, build: str) -> dict[str, Any]:
        if build not in self.builds:
            raise Refused(404, "Requested entity was not found.")
        return self.builds[build]

    def _cloudresourcemanager_projects_testIamPermissions(self, call: Call) -> Any:  # noqa: N802
        held = [one for one in call.body["permissions"] if one in self.granted]
        return {"permissions": held} if held else {}

    def _storage_objects_insert(self, call: Call) -> Any:
        described, content = call.body
        name = call.query.get("name") or described["name"]
        if call.query.get("ifGenerationMatch") == "0" and name in self.objects:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
        if call.path["bucket"] != BUCKET:
            raise Refused(404, "The specified bucket does not exist.")
        self.objects[name] = content
        return self._object(name)

    def _storage_buckets_get(self, call: Call) -> Any:
        if call.path["bucket"] != BUCKET:
            raise Refused(404, "The specified bucket does not exist.")
        return {"kind": "storage#bucket", "name": BUCKET, "location": "EU"}

    def _storage_objects_get(self, call: Call) -> Any:
        return self._object(unquote(call.path["object"]))

    def _object(self, name: str) -> Any:
        content = self.objects[name]
        sum_ = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": BUCKET,
            "generation": "1",
            "size": str(len(content)),
            "crc32c": sum_,
        }


class _Handler(BaseHTTPRequestHandler):
    stand_in: ClassVar[StandIn]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            method, path, upload = self._method()
            self.stand_in.asked.append(method.id)
            found = self.stand_in.answer(method, path, self._query(method, upload), self._body(method, raw, upload))
            problem = wrong(method.api, method.response, found, sent=False) if method.response else None
            assert problem is None, problem
            if method.id in self.stand_in.lost:
                self.stand_in.lost.remove(method.id)
                self.close_connection = True
            else:
                self._say(200, found)
        except Refused as error:
            self.stand_in.refused.append(str(error))
            self._say(error.status, {"error": {"code": error.status, "message": str(error)}})

    def _method(self) -> tuple[Method, Mapping[str, str], bool]:
        asked = urlsplit(self.path).path
        for method in (one for api in _APIS for one in methods(api) if one.verb == self.command):
            if (found := method.path.fullmatch(asked)) is not None:
                return method, found.groupdict(), False
            if method.upload is not None and (found := method.upload.fullmatch(asked)) is not None:
                return method, found.groupdict(), True
        raise Refused(404, f"no API has {self.command} {asked}")

    def _query(self, method: Method, upload: bool) -> Mapping[str, str]:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        unknown = query.keys() - method.parameters.keys() - ({"uploadType"} if upload else set())
        if unknown:
            raise Refused(400, f"{method.id} has no parameter {', '.join(sorted(unknown))}")
        return query

    def _body(self, method: Method, raw: bytes, upload: bool) -> Any:
        content = b""
        if upload:
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts: Any = BytesParser().parsebytes(head + raw).get_payload()
            raw, content = (one.get_payload(decode=True) for one in parts)
        body = json.loads(raw) if raw else None
        problem = wrong(method.api, method.request, body or {}, sent=True) if method.request is not None else None
        if problem is not None:
            raise Refused(400, f"Invalid JSON payload received. {problem}")
        return (body, content) if upload else body

    def _say(self, status: int, found: Any) -> None:
        text = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def google() -> Iterator[StandIn]:
    """The services, with nothing in them."""
    stand_in = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": stand_in}))
    stand_in.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
