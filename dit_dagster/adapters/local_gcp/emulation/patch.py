"""What a patch is, and the four ways to put one in."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

_EMULATOR = "bqemulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One difference between the emulator and BigQuery, closed. `apply` runs once, before the server exists."""

    name: str
    apply: Callable[[], None]


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `owner.name` by `make(original)`, also where other modules of the emulator imported it by name."""
    original = getattr(owner, name)
    replacement = make(original)
    setattr(owner, name, replacement)
    if isinstance(owner, ModuleType):
        _rebind(original, replacement)


def rewrite(change: Callable[[Any], bool]) -> None:
    """Let `change` rewrite the tree of every statement, in DuckDB's dialect, and say whether it did.

    It comes before the emulator looks for functions in it, and before what was put in earlier.
    """
    from bqemulator.sql import table_rewriter

    def make(original: Any) -> Any:
        @wraps(original)
        def rewritten(tree: Any, project: str) -> Any:
            changed = change(tree)
            return original(tree, project) or changed

        return rewritten

    wrap(table_rewriter, "_rewrite_dot_anonymous_calls", make)


def reroute(router: Any, method: str, path: str, make: Callable[[Any], Any]) -> None:
    """Replace the endpoint of a route by `make(original endpoint)`. `path` is without the router's prefix.

    The new endpoint keeps the original's signature for FastAPI and gets its arguments by keyword, and the `request`
    even if the original has none (`make` is given an original that ignores it). Both must be coroutine functions, or
    neither.
    """
    full = router.prefix + path
    index = next(i for i, route in enumerate(router.routes) if route.path == full and method in route.methods)
    old = router.routes[index]
    endpoint = _with_request(old.endpoint, make)
    router.add_api_route(path, endpoint, methods=[method], status_code=old.status_code, response_model=None)
    router.routes[index] = router.routes.pop()


def _with_request(original: Any, make: Callable[[Any], Any]) -> Any:
    from starlette.requests import Request

    signature = inspect.signature(original)
    if "request" in signature.parameters:
        return wraps(original)(make(original))
    endpoint: Any = wraps(original)(make(_without_request(original)))
    extra = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    endpoint.__signature__ = signature.replace(parameters=[*signature.parameters.values(), extra])
    return endpoint


def _without_request(original: Any) -> Any:
    def call(**arguments: Any) -> Any:
        del arguments["request"]
        return original(**arguments)

    return call


def _rebind(original: Any, replacement: Any) -> None:
    for name, module in list(sys.modules.items()):
        if name.split(".", 1)[0] != _EMULATOR:
            continue
        for attribute, value in list(vars(module).items()):
            if value is original:
                setattr(module, attribute, replacement)
