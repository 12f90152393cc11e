"""A bench for each test."""

from __future__ import annotations

from dit_dagster_tests.scenarios.conftest import bench

__all__ = ["bench"]
