"""The JSON API's methods on an ObjectStore: a request in, a response out, no sockets.

https://cloud.google.com/storage/docs/json_api/v1 is the contract. A parameter that would change the answer and is
not understood is refused, never ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from dit_dagster.adapters.local_gcp.storage.objects import (
    BadObjectName,
    GenerationMismatch,
    ObjectStore,
    StoredObject,
)

_REFUSED = frozenset({"matchGlob", "ifMetagenerationMatch", "softDeleted"})
_PAGE = 1000
_BUCKET = re.compile(r"^/storage/v1/b(?:/(?P<bucket>[^/]+))?/?$")
_OBJECTS = re.compile(r"^(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o(?:/(?P<name>.+))?$")
_TRANSFER = re.compile(r"^(?P<name>.+)/(?P<verb>rewriteTo|copyTo)/b/(?P<bucket>[^/]+)/o/(?P<target>.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `body` holds small bodies; uploads of content do not pass through here."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Bytes [start, stop) of a stored object, to be streamed."""

    stored: StoredObject
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; a mapping becomes JSON."""

    status: int = 200
    content: Mapping[str, Any] | bytes | Slice | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def failure(status: int, message: str) -> Response:
    """An error in the shape that Google's clients read."""
    return Response(status=status, content={"error": {"code": status, "message": message}})


class StorageApi:
    """Answers requests; `store` is the only state."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def answer(self, request: Request) -> Response:
        """The response to `request`; errors are responses too."""
        refused = _REFUSED & request.query.keys()
        if refused:
            return failure(400, f"the local storage does not know {sorted(refused)}")
        try:
            return self._routed(request)
        except BadObjectName as error:
            return failure(400, str(error))
        except GenerationMismatch as error:
            return failure(412, str(error))

    def _routed(self, request: Request) -> Response:
        if request.path == "/healthz":
            return Response(content={"status": "ok"})
        if request.path == "/token":
            return Response(content={"access_token": "local", "token_type": "Bearer", "expires_in": 86400})
        if found := _BUCKET.match(request.path):
            return self._buckets(request, found["bucket"])
        if not (found := _OBJECTS.match(request.path)):
            return failure(404, f"the local storage has no {request.method} {request.path}")
        if found["name"] is None:
            return self._listing(request, found["bucket"])
        return self._objects(request, found["bucket"], found["name"])

    def _buckets(self, request: Request, bucket: str | None) -> Response:
        if bucket is not None:
            if request.method == "DELETE":
                return failure(501, "the local storage does not delete buckets; delete their objects")
            return Response(content=_bucket(bucket))
        if request.method != "POST":
            return Response(content={"items": [_bucket(name) for name in self._store.buckets()]})
        name = json.loads(request.body)["name"]
        if not self._store.create_bucket(name):
            return failure(409, f"bucket {name} already exists")
        return Response(content=_bucket(name))

    def _listing(self, request: Request, bucket: str) -> Response:
        query = request.query
        delimiter, prefix = query.get("delimiter"), query.get("prefix", "")
        names = [name for name in self._store.names(bucket, prefix) if _within(name, query)]
        entries = sorted({_folded(name, prefix, delimiter) for name in names})
        after = query.get("pageToken", "")
        size = int(query.get("maxResults", _PAGE))
        page = [entry for entry in entries if entry[0] > after][: size + 1]
        content: dict[str, Any] = {"kind": "storage#objects"}
        if len(page) > size:
            page.pop()
            content["nextPageToken"] = page[-1][0]
        content["prefixes"] = [name for name, is_prefix in page if is_prefix]
        found = (self._store.find(bucket, name) for name, is_prefix in page if not is_prefix)
        content["items"] = [self.describe(stored) for stored in found if stored is not None]
        return Response(content=content)

    def _objects(self, request: Request, bucket: str, encoded: str) -> Response:
        if transfer := _TRANSFER.match(encoded):
            return self._copied(request, bucket, transfer)
        if request.method == "POST" and encoded.endswith("/compose"):
            return self._composed(request, bucket, unquote(encoded.removesuffix("/compose")))
        methods: dict[str, Callable[[Request, StoredObject], Response]]
        methods = {"GET": self._fetched, "HEAD": self._fetched, "DELETE": self._deleted}
        methods |= {"PATCH": self._described, "PUT": self._described}
        stored = self._store.find(bucket, unquote(encoded))
        if stored is None:
            return failure(404, f"No such object: {bucket}/{unquote(encoded)}")
        return methods[request.method](request, stored)

    def _fetched(self, request: Request, stored: StoredObject) -> Response:
        if request.query.get("alt") != "media":
            return self._described(request, stored)
        digests = self._store.digests(stored)
        headers = {
            "X-Goog-Generation": str(stored.generation),
            "X-Goog-Hash": f"crc32c={digests.crc32c},md5={digests.md5}",
            "ETag": str(stored.generation),
        }
        span = re.match(r"bytes=(\d+)-(\d*)$", request.headers.get("Range", ""))
        if span is None:
            return Response(content=Slice(stored=stored, start=0, stop=stored.size), headers=headers)
        start, stop = int(span[1]), min(int(span[2]) + 1, stored.size) if span[2] else stored.size
        if start >= stored.size:
            return Response(status=416, content=b"", headers={"Content-Range": f"bytes */{stored.size}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
        return Response(status=206, content=Slice(stored=stored, start=start, stop=stop), headers=headers)

    def _described(self, _request: Request, stored: StoredObject) -> Response:
        return Response(content=self.describe(stored))

    def _deleted(self, request: Request, stored: StoredObject) -> Response:
        self._store.delete(stored.bucket, stored.name, expected_generation(request))
        return Response(status=204)

    def _copied(self, request: Request, bucket: str, transfer: re.Match[str]) -> Response:
        source = self._store.find(bucket, unquote(transfer["name"]))
        if source is None:
            return failure(404, f"No such object: {bucket}/{unquote(transfer['name'])}")
        target = unquote(transfer["target"])
        copy = self._store.concatenate([source], transfer["bucket"], target, expected_generation(request))
        if transfer["verb"] == "copyTo":
            return Response(content=self.describe(copy))
        size = str(copy.size)
        content = {"kind": "storage#rewriteResponse", "done": True, "objectSize": size, "totalBytesRewritten": size}
        return Response(content={**content, "resource": self.describe(copy)})

    def _composed(self, request: Request, bucket: str, target: str) -> Response:
        sources = []
        for source in json.loads(request.body)["sourceObjects"]:
            stored = self._store.find(bucket, source["name"])
            if stored is None:
                return failure(404, f"No such object: {bucket}/{source['name']}")
            sources.append(stored)
        written = self._store.concatenate(sources, bucket, target, expected_generation(request))
        return Response(content=self.describe(written))

    def save(self, draft: IO[bytes], request: Request, bucket: str, name: str) -> Response:
        """Make an uploaded draft an object."""
        try:
            stored = self._store.commit(draft, bucket, name, expected_generation(request))
        except BadObjectName as error:
            return failure(400, str(error))
        except GenerationMismatch as error:
            return failure(412, str(error))
        return Response(content=self.describe(stored))

    def describe(self, stored: StoredObject) -> dict[str, Any]:
        """The object resource."""
        moment = _timestamp(stored.modified_ns)
        record = {
            "kind": "storage#object",
            "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
            "name": stored.name,
            "bucket": stored.bucket,
            "size": str(stored.size),
            "generation": str(stored.generation),
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "etag": str(stored.generation),
            "timeCreated": moment,
            "updated": moment,
        }
        if stored.path.is_dir():
            return record
        digests = self._store.digests(stored)
        return {**record, "md5Hash": digests.md5, "crc32c": digests.crc32c}


def expected_generation(request: Request) -> int | None:
    """The precondition of a write, if it has one."""
    text = request.query.get("ifGenerationMatch")
    return None if text is None else int(text)


def _folded(name: str, prefix: str, delimiter: str | None) -> tuple[str, bool]:
    """A listing's entry for `name`, and whether it is a common prefix."""
    head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
    return (prefix + head + found, True) if found else (name, False)


def _within(name: str, query: Mapping[str, str]) -> bool:
    return name >= query.get("startOffset", "") and ("endOffset" not in query or name < query["endOffset"])


def _bucket(name: str) -> dict[str, Any]:
    moment = _timestamp(0)
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "projectNumber": "1",
        "location": "US",
        "storageClass": "STANDARD",
        "metageneration": "1",
        "timeCreated": moment,
        "updated": moment,
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
    }


def _timestamp(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
