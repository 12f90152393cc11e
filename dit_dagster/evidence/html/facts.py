"""What ran, on what, for how much: code, sources, phases, time and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.evidence.html.words import counted, plural, seconds, size

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source table as it was when the run was planned."""

    name: str
    table: str
    rows: str
    created: str
    modified: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`code` says what ran; `effort` what it took; `sources` what it read."""

    code: Pairs
    effort: Pairs
    sources: tuple[Source, ...]


def facts(report: Mapping[str, Any]) -> Facts:
    return Facts(code=tuple(_code(report)), effort=tuple(_effort(report)), sources=tuple(_sources(report)))


def _code(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    paths = ", ".join(report.get("code_paths") or ())
    return [
        ("Commit", report["commit"]),
        ("Tree", report["tree"] + (f" (of {paths})" if paths else "")),
        ("Environment", report["environment"]),
        *([("Image", report["image"])] if "image" in report else []),
        ("Run", report["run_id"]),
        ("Experiment", report["experiment_id"]),
        ("Window", f"{report['window'][0]} up to, and without, {report['window'][1]}"),
        ("Daily runs", f"the last {plural(report['tail'], 'day')} (T), {plural(report['lookback'], 'day')} each (W)"),
    ]


def _effort(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    counts, days = report["invocations"], report["source_days"]
    told = [
        ("Phases", f"{counts['executed']} executed, {counts['reused']} reused, of {counts['planned']} planned"),
        ("Without sharing", f"{plural(counts['naive'], 'phase')}, {plural(days['naive'], 'day')} of input"),
        ("Input read", plural(days["executed"], "day")),
        ("At a time", plural(report["peak_parallel"], "phase")),
        ("Wall time", seconds(report["seconds"])),
    ]
    if "cost" in report:
        told.append(("Comparing", spent(report["cost"])))
    if report.get("remembered"):
        told.append(("Verdicts remembered", f"{report['remembered']}, at no cost: the same states were judged before"))
    return told


def spent(cost: Mapping[str, Any]) -> str:
    """What comparing took, in one line."""
    if not cost["statements"]:
        return "nothing was read"
    slots = f", {seconds(cost['slot_ms'] / 1000)} of slots" if cost.get("slot_ms") else ""
    return (
        f"{plural(cost['statements'], 'statement')}, {size(cost['bytes_estimated'])} estimated, "
        f"{size(cost['bytes_billed'])} billed, {seconds(cost['seconds'])}{slots}"
    )


def _sources(report: Mapping[str, Any]) -> list[Source]:
    return [
        Source(
            name=name,
            table=source["table"],
            rows=counted(source.get("rows")),
            created=moment(source.get("created")),
            modified=moment(source.get("modified")),
            etag=str(source.get("etag") or ""),
        )
        for name, source in report["sources"].items()
    ]


def moment(text: str | None) -> str:
    """A recorded time to the second, as it was recorded: with its zone."""
    whole, dot, rest = (text or "–").partition(".")
    return f"{whole.replace('T', ' ')} {rest.lstrip('0123456789').replace('+00:00', 'UTC')}".strip() if dot else whole
