"""Uploads of content: whole (media, multipart) or in chunks (resumable), streamed to a draft file."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import IO
from uuid import uuid4

from dit_dagster.adapters.local_gcp.storage.api import Request, Response, StorageApi, failure
from dit_dagster.adapters.local_gcp.storage.objects import ObjectStore

_UPLOAD = re.compile(r"^/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o$")
_INCOMPLETE = 308


@dataclass(slots=True, kw_only=True)
class _Session:
    """A resumable upload under way."""

    opened: Request
    bucket: str
    name: str
    draft: IO[bytes]


class Uploads:
    """The upload half of the API."""

    def __init__(self, store: ObjectStore, api: StorageApi) -> None:
        self._store = store
        self._api = api
        self._sessions: dict[str, _Session] = {}

    def concerns(self, request: Request) -> bool:
        """Whether `request` brings content."""
        return _UPLOAD.match(request.path) is not None

    def answer(self, request: Request, content: IO[bytes]) -> Response:
        """Take `content` in and say how the upload stands."""
        found = _UPLOAD.match(request.path)
        assert found is not None  # noqa: S101 - `concerns` was asked first
        query = request.query
        if "upload_id" in query:
            return self._continued(request, query["upload_id"], content)
        match query.get("uploadType"):
            case "resumable":
                return self._opened(request, found["bucket"], content)
            case "multipart":
                return self._multipart(request, found["bucket"], content)
            case "media":
                draft = self._store.draft()
                shutil.copyfileobj(content, draft)
                return self._api.save(draft, request, found["bucket"], query["name"])
            case other:
                return failure(400, f"uploadType {other!r} is not one of media, multipart, resumable")

    def _opened(self, request: Request, bucket: str, content: IO[bytes]) -> Response:
        name = request.query.get("name") or json.loads(content.read() or b"{}")["name"]
        identifier = uuid4().hex
        self._sessions[identifier] = _Session(opened=request, bucket=bucket, name=name, draft=self._store.draft())
        place = f"http://{request.headers['Host']}{request.path}?uploadType=resumable&upload_id={identifier}"
        return Response(content={}, headers={"Location": place, "X-GUploader-UploadID": identifier})

    def _continued(self, request: Request, identifier: str, content: IO[bytes]) -> Response:
        session = self._sessions.get(identifier)
        if session is None:
            return failure(404, f"no upload {identifier}; it was finished or the server was restarted")
        span = re.match(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)$", request.headers.get("Content-Range", "bytes 0-0/*"))
        if "Content-Range" in request.headers and span is not None and span[1] is not None:
            session.draft.seek(int(span[1]))
        shutil.copyfileobj(content, session.draft)
        held = session.draft.tell()
        if "Content-Range" in request.headers and span is not None and span[2] != str(held):
            return Response(status=_INCOMPLETE, headers={"Range": f"bytes=0-{held - 1}"} if held else {})
        del self._sessions[identifier]
        return self._api.save(session.draft, session.opened, session.bucket, session.name)

    def _multipart(self, request: Request, bucket: str, content: IO[bytes]) -> Response:
        """Two parts, metadata and content. Split by hand: a mail parser would rewrite line ends."""
        boundary = re.search(r"boundary=['\"]?([^'\";]+)", request.headers["Content-Type"])
        if boundary is None:
            return failure(400, "a multipart upload needs a boundary")
        mark = b"--" + boundary[1].encode()
        _, metadata, rest = content.read().split(mark, 2)
        payload = rest[: rest.rindex(mark)].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        name = request.query.get("name") or json.loads(metadata.partition(b"\r\n\r\n")[2])["name"]
        draft = self._store.draft()
        draft.write(payload)
        return self._api.save(draft, request, bucket, name)
