"""A run's page, written where a reader finds it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def keep_page(described: Mapping[str, Any], folder: Path, file: Path | None) -> None:
    """Write a run's page into `folder`, and to `file` if one is asked for; print where it is.

    A disk that takes no page takes no verdict away either: that is said on stderr, and the command goes on.
    """
    from dit_dagster.evidence.html import run_page
    from dit_dagster.evidence.pages import keep_run_page, write_page

    try:
        kept = keep_run_page(folder, described)
        shown = kept if file is None else write_page(file, run_page(described))
    except OSError as error:
        print(f"the report could not be written: {error}; 'dit show' makes it again", file=sys.stderr)
        return
    print(f"report: {_near(shown)}")


def _near(file: Path) -> Path:
    """Relative to here, if it is below."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
