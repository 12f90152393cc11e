"""Files that options name."""

from __future__ import annotations

from pathlib import Path

from dit_dagster.errors import UsageError


def check_writable(option: str, file: Path | None) -> None:
    """A file that cannot be written is noticed before anything runs."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise UsageError(f"{option} {file}: not a file in a folder that exists")
