"""Where pages are kept: one file per run, and one per pair that a Dagster check judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dit_dagster.evidence.html import comparison_page, run_page


def keep_run_page(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write a run's page into `folder`, under the run's id, and say where. OSError if that cannot be done."""
    return write_page(folder / f"{report['run_id']}.html", run_page(report, compiled=_compiled(folder)))


def keep_comparison_page(folder: Path, run_id: str, comparison: Mapping[str, Any]) -> Path:
    """Write the page of one pair of a run, which may not have ended yet, and say where."""
    name = "-".join((comparison["output"], comparison["left"], comparison["right"]))
    return write_page(folder / run_id / f"{name}.html", comparison_page(comparison, compiled=_compiled(folder)))


def _compiled(folder: Path) -> Path:
    made = folder / ".templates"
    made.mkdir(parents=True, exist_ok=True)
    return made


def write_page(file: Path, page: str) -> Path:
    """Write a page, in UTF-8 whatever is in it: half a surrogate pair becomes a question mark."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8", errors="replace")
    return file
