"""Jobs are those of the project that is here.

BigQuery: a job runs in, and is billed to, a project that there is and in which its caller may run jobs; any other is
refused, with 404 for one that there is not.
Emulator: runs a job in whatever project a request names, so that a program that ignores the project that it was told
is not found out.
Here: its own project runs jobs; any other is none.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_JOBS = re.compile(r"/(?:upload/|resumable/upload/)?bigquery/v2/projects/([^/]+)/(?:jobs|queries)")


def apply() -> None:
    """Look at requests that start a job, before anything else does."""
    from bqemulator.api import app

    wrap(app, "create_app", _of_own_project)


PATCH = Patch(name="projects", apply=apply)


def _of_own_project(original: Any) -> Any:
    def create_app(context: Any) -> Any:
        application = original(context)
        application.add_middleware(_OwnProject, project=context.settings.default_project_id)
        return application

    return create_app


class _OwnProject:
    def __init__(self, app: Any, *, project: str) -> None:
        self._app = app
        self._project = project

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        named = _JOBS.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if named is None or named[1] == self._project:
            await self._app(scope, receive, send)
            return
        body = json.dumps(_refusal(named[1])).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _refusal(project: str) -> dict[str, Any]:
    message = f"Not found: Project {project}"
    detail = {"message": message, "domain": "global", "reason": "notFound"}
    return {"error": {"code": 404, "message": message, "errors": [detail], "status": "NOT_FOUND"}}
