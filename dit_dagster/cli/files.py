"""Files that options name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from dit_dagster.errors import UsageError


def check_writable(option: str, file: Path | None) -> None:
    """A file that cannot be written is noticed before anything runs."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise UsageError(f"{option} {file}: not a file in a folder that exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class CiFiles:
    """What a CI shows of a run, where it was asked for: JUnit XML, and a summary in Markdown."""

    junit: Path | None
    markdown: Path | None

    @classmethod
    def checked(cls, junit: Path | None, markdown: Path | None) -> Self:
        check_writable("--junit", junit)
        check_writable("--markdown", markdown)
        return cls(junit=junit, markdown=markdown)

    def write(self, report: Mapping[str, Any], link: str | None) -> None:
        """A run that came to a report."""
        from dit_dagster.evidence.junit import junit
        from dit_dagster.evidence.markdown import markdown

        if self.junit is not None:
            _write(self.junit, junit(report))
        if self.markdown is not None:
            _write(self.markdown, markdown(report, link=link))

    def write_failure(self, pipeline: str, commit: str, why: str, link: str | None) -> None:
        """A run that came to none, which is an error and no empty file."""
        from dit_dagster.evidence.junit import junit_of_failure
        from dit_dagster.evidence.markdown import markdown_of_failure

        if self.junit is not None:
            _write(self.junit, junit_of_failure(pipeline, commit, why))
        if self.markdown is not None:
            _write(self.markdown, markdown_of_failure(pipeline, commit, why, link=link))


def _write(file: Path, text: str) -> None:
    """Half a surrogate pair becomes a question mark: no text keeps a verdict from being written."""
    file.write_text(text, encoding="utf-8", errors="replace")
