"""Metadata is answered while a query runs.

BigQuery: requests are independent.
Emulator: everything runs in one event loop, so that a health check or a GET waits for the query before it.
Here: the web server has its own thread. It answers health checks, and GETs of tables, datasets and jobs, itself, and
hands everything else to the loop in which queries run, one at a time.
"""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_LIGHT = re.compile(r"^/(?:healthz|bigquery/v2/projects/[^/]+/(?:jobs/[^/]+|datasets/[^/]+(?:/tables/[^/]+)?))$")


def apply() -> None:
    """Wrap the application, and run the web server elsewhere."""
    import uvicorn
    from bqemulator import server

    wrap(server, "create_app", lambda original: lambda context: _Front(original(context), asyncio.get_running_loop()))
    wrap(uvicorn.Server, "serve", _elsewhere)


PATCH = Patch(name="responsiveness", apply=apply)


class _Front:
    """An ASGI application in front of `app`, whose queries belong to `loop`."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and _LIGHT.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        here = asyncio.get_running_loop()
        work = self._app(scope, _called_from(self._loop, here, receive), _called_from(self._loop, here, send))
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


def _called_from(there: asyncio.AbstractEventLoop, here: asyncio.AbstractEventLoop, function: Any) -> Any:
    """`function`, which belongs to `here`, as a coroutine function for `there`."""

    async def call(*arguments: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(function(*arguments), here)
        return await asyncio.wrap_future(future, loop=there)

    return call


def _elsewhere(original: Any) -> Any:
    async def serve(server: Any, sockets: Any = None) -> None:
        finished = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def run() -> None:
            asyncio.run(original(server, sockets))
            loop.call_soon_threadsafe(finished.set_result, None)

        threading.Thread(target=run, name="rest", daemon=True).start()
        await finished

    return serve
