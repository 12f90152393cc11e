"""The public surface, pinned: what stands here is kept, and what is not here may change."""

from __future__ import annotations

import inspect

import pytest

import dit_dagster


def test_these_names_are_public() -> None:
    """Everything that the command does, and the component."""
    assert dit_dagster.__all__ == [
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


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        pytest.param(
            "diff",
            ["pipeline", "bindings", "fail_on_diff", "expected", "worker_images", "settings", "options"],
            id="diff",
        ),
        pytest.param(
            "bisect",
            [
                *("pipeline", "good", "bad", "pair", "column", "output", "mode"),
                *("settings", "stop", "watch", "told", "options"),
            ],
            id="bisect",
        ),
        pytest.param(
            "contract",
            [
                *("pipeline", "commit", "start", "end", "jobs", "force"),
                *("experiment_id", "runner", "worker_image", "settings", "watch", "stop"),
            ],
            id="contract",
        ),
        pytest.param("ensure_worker_image", ["pipeline", "commit", "settings"], id="ensure_worker_image"),
        pytest.param("plan", ["pipeline", "settings", "options"], id="plan"),
        pytest.param("explain", ["pipeline", "settings", "options"], id="explain"),
        pytest.param("run", ["pipeline", "settings", "watch", "stop", "options"], id="run"),
        pytest.param(
            "compare",
            ["left", "right", "policy", "keys", "where", "exact", "max_bytes", "settings"],
            id="compare",
        ),
        pytest.param("assert_tables_equal", ["left", "right", "policy", "options"], id="assert_tables_equal"),
    ],
)
def test_a_function_takes_these_arguments(name: str, parameters: list[str]) -> None:
    """Names of parameters are part of the promise."""
    assert list(inspect.signature(getattr(dit_dagster, name)).parameters) == parameters


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Imports on demand do not hide a misspelling."""
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        dit_dagster.runn  # noqa: B018
