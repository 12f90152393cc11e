"""Did my change break the data?

Runs a data pipeline at a commit in several trigger patterns, on the same pinned input, and proves its tables equal.
Names are imported when they are asked for: the command must not pay for Dagster, nor Dagster for the command.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dit_dagster.api import assert_tables_equal, bisect, compare, contract, ensure_worker_image, explain, plan, run
    from dit_dagster.defs.component import MultiModePipeline

_HOMES = {
    "MultiModePipeline": "dit_dagster.defs.component",
    "assert_tables_equal": "dit_dagster.api",
    "bisect": "dit_dagster.api",
    "compare": "dit_dagster.api",
    "contract": "dit_dagster.api",
    "diff": "dit_dagster.api",
    "ensure_worker_image": "dit_dagster.api",
    "explain": "dit_dagster.api",
    "plan": "dit_dagster.api",
    "run": "dit_dagster.api",
}

__all__ = [
    "MultiModePipeline",
    "assert_tables_equal",
    "bisect",
    "compare",
    "contract",
    "diff",
    "ensure_worker_image",
    "explain",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'dit_dagster' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names that are imported on demand as well: Dagster's registry finds the component by looking."""
    return sorted({*globals(), *__all__})
