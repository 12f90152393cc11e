"""Runs outside this instance, from the registry's events to Dagster's.

The registry orders by the time at which a write began, and a write that began earlier may be seen later. So each look
goes back by a margin, and the cursor remembers which runs of that margin were reported already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import dagster as dg

from dit_dagster.comparing import Digest
from dit_dagster.defs import metadata
from dit_dagster.defs.evaluations import evaluation
from dit_dagster.defs.vocabulary import CACHE_TAG, RUN_METADATA, Vocabulary
from dit_dagster.model.identity import Commit
from dit_dagster.ports import Registry

MARGIN = timedelta(minutes=5)
_RUNS_PER_TICK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The cursor: the time of the latest event that was read, and the runs reported within the margin before it."""

    latest: datetime | None = None
    reported: tuple[tuple[str, datetime], ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self:
        if text is None:
            return cls()
        value = json.loads(text)
        reported = tuple((run_id, datetime.fromisoformat(at)) for run_id, at in value["reported"])
        return cls(latest=datetime.fromisoformat(value["latest"]) if value["latest"] else None, reported=reported)

    def written(self) -> str:
        return json.dumps(
            {
                "latest": self.latest.isoformat() if self.latest else None,
                "reported": [[run_id, at.isoformat()] for run_id, at in self.reported],
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run's report as the registry holds it."""

    run_id: str
    commit: str
    report: Mapping[str, Any]


def read_elsewhere(registry: Registry, pipeline: str, cursor: Elsewhere) -> tuple[tuple[FinishedRun, ...], Elsewhere]:
    """The finished runs of a pipeline that the cursor has not seen, and the cursor after them."""
    after = cursor.latest - MARGIN if cursor.latest is not None else None
    events = registry.since(["run_finished"], after, _RUNS_PER_TICK + len(cursor.reported))
    times = [event.at for event in events if event.at is not None]
    latest = max([*times, *([cursor.latest] if cursor.latest else [])], default=None)
    known = {run_id for run_id, _ in cursor.reported}
    within = {event.run_id: event.at for event in events if event.at is not None and _recent(event.at, latest)}
    new = [
        event
        for event in events
        # What ran as it lay is no commit's.
        if event.run_id not in known
        and event.pipeline == pipeline
        and event.payload.get("origin", {}).get("kind") != "editable"
    ]
    runs = tuple(
        FinishedRun(run_id=event.run_id, commit=str(event.payload.get("commit")), report=event.payload) for event in new
    )
    return runs, Elsewhere(latest=latest, reported=tuple(within.items()))


def _recent(at: datetime, latest: datetime | None) -> bool:
    return latest is not None and at > latest - MARGIN


def read_versions(registry: Registry, run: FinishedRun) -> Mapping[tuple[str, str], str]:
    """The data version of each output of the run's last phases, by fingerprint and output: as a step would give it."""
    leaves = {mode["phases"][-1]["fingerprint"] for mode in run.report["modes"]}
    return {
        (str(event.fingerprint), event.payload["output"]): Digest.from_json(event.payload["digest"]).value
        for event in registry.of_fingerprints(["digest"], sorted(leaves))
    }


UNREADABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError)
"""What reading a report that another version wrote may raise."""


AssetEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation


def reported(words: Vocabulary, run: FinishedRun, registry: Registry) -> Iterator[AssetEvent]:
    """A run as events: each output of each mode that came to a state, the board, the report, every verdict.

    Raises one of UNREADABLE for a report that this version cannot read.
    """
    Commit(run.commit)
    versions = read_versions(registry, run)
    for mode in run.report["modes"]:
        if mode["selected"] and mode["outcome"] in ("ran", "reused") and mode["mode"] in words.pipeline.available_modes:
            yield from _mode(words, run, mode, versions)
    shown = {**metadata.of_report(run.report), RUN_METADATA: dg.MetadataValue.text(run.run_id)}
    yield dg.AssetMaterialization(words.report, partition=run.commit, metadata=shown)
    for comparison in run.report["comparisons"]:
        yield from evaluation(words, comparison, run.commit)


def _mode(
    words: Vocabulary, run: FinishedRun, mode: Mapping[str, Any], versions: Mapping[tuple[str, str], str]
) -> Iterator[dg.AssetMaterialization]:
    shown = {**metadata.of_reported_mode(mode), RUN_METADATA: dg.MetadataValue.text(run.run_id)}
    leaf = mode["phases"][-1]["fingerprint"]
    tags = {CACHE_TAG: "hit" if mode["outcome"] == "reused" else "miss"}
    for output in words.pipeline.outputs:
        cell = words.cell(run.commit, mode["mode"])
        version = {"dagster/data_version": versions.get((leaf, output), leaf)}
        yield dg.AssetMaterialization(words.board(output), partition=cell, metadata=shown, tags=tags)
        yield dg.AssetMaterialization(
            words.output(mode["mode"], output), partition=run.commit, metadata=shown, tags={**tags, **version}
        )
