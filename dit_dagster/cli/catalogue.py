"""The declared pipelines: names, modes, cohorts and known commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dit_dagster import wiring
from dit_dagster.cli.show import console
from dit_dagster.errors import DitError
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.settings import Settings


def catalogue(settings: Settings) -> list[dict[str, Any]]:
    """Every declared pipeline. One whose repository cannot be read is listed with the reason."""
    return [_entry(wiring.find_pipeline(name, settings), settings) for name in wiring.declarations(settings)]


def _entry(pipeline: Pipeline, settings: Settings) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "pipeline": pipeline.name,
        "description": pipeline.description,
        "modes": {name: mode.purpose for name, mode in pipeline.available_modes.items()},
        "default_modes": list(pipeline.default_modes),
        "outputs": list(pipeline.outputs),
        "cohorts": [],
        "commits": [],
        "problem": None,
    }
    try:
        known = wiring.source_control(pipeline, settings).known()
        entry["commits"] = [{"ref": ref, "commit": str(commit)} for ref, commit in known]
    except DitError as error:
        entry["problem"] = str(error)
    return entry


def show_catalogue(entries: Sequence[dict[str, Any]]) -> None:
    """For people."""
    out = console()
    for entry in entries:
        out.print(f"[bold]{entry['pipeline']}[/bold]  {entry['description']}")
        for name, purpose in entry["modes"].items():
            default = " (default)" if name in entry["default_modes"] else ""
            out.print(f"  mode {name}{default}: {purpose}")
        for known in entry["commits"]:
            out.print(f"  {known['commit']}  {known['ref']}")
        if entry["problem"]:
            out.print(f"  [yellow]{entry['problem']}[/yellow]")
