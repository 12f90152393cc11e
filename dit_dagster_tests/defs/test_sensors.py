"""What the sensors ask for, tick by tick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from dit_dagster.adapters.memory import MemoryRegistry
from dit_dagster.comparing import Digest
from dit_dagster.defs.elsewhere import Elsewhere, read_elsewhere
from dit_dagster.defs.resources import WORKBENCH, Workbench
from dit_dagster.defs.sensors import COMMITS_PER_TICK, commits_sensor, commits_tick, elsewhere_sensor
from dit_dagster.defs.vocabulary import Vocabulary
from dit_dagster.model.identity import Commit
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.ports import Event, Registry, SourceControl
from dit_dagster_tests.builders import an_event
from dit_dagster_tests.defs.conftest import a_small_pipeline
from dit_dagster_tests.defs.reports import a_comparison, a_report

WORDS = Vocabulary(a_small_pipeline())
OLD, NEW, NEWER = ("1" * 40, "2" * 40, "3" * 40)


def requested(result: dg.SensorResult) -> list[str]:
    return [str(request.partition_key) for request in result.run_requests or ()]


def added(result: dg.SensorResult) -> list[str]:
    return [key for request in result.dynamic_partitions_requests or () for key in request.partition_keys]


def test_the_first_tick_only_takes_the_baseline() -> None:
    """Turning the sensor on must not run a repository's whole history."""
    result = commits_tick(WORDS, {"main": OLD, "v1": OLD}, None)

    assert requested(result) == []
    assert result.cursor is not None


def test_a_new_commit_is_registered_and_run_in_one_tick() -> None:
    """Under the daemon both happen: the partition is added before the run is launched."""
    before = commits_tick(WORDS, {"main": OLD}, None).cursor

    result = commits_tick(WORDS, {"main": NEW, "topic": NEW}, before)

    assert requested(result) == [NEW]
    assert added(result) == [NEW]


def test_a_ref_on_a_known_commit_is_no_news() -> None:
    """A tag on a commit that was seen on its branch does not run it again."""
    before = commits_tick(WORDS, {"main": OLD}, None).cursor

    assert requested(commits_tick(WORDS, {"main": OLD, "v1": OLD}, before)) == []


def test_what_exceeds_the_cap_waits_for_the_next_tick() -> None:
    """Nothing is lost, nothing is run twice, the oldest come first."""
    cursor = commits_tick(WORDS, {}, None).cursor
    known = {f"branch-{number}": f"{number:040x}" for number in range(COMMITS_PER_TICK + 2, 0, -1)}

    first = commits_tick(WORDS, known, cursor)
    second = commits_tick(WORDS, known, first.cursor)
    third = commits_tick(WORDS, known, second.cursor)

    assert [len(requested(tick)) for tick in (first, second, third)] == [COMMITS_PER_TICK, 2, 0]
    assert requested(first)[0] == f"{1:040x}"
    assert sorted(requested(first) + requested(second)) == sorted(known.values())


def test_a_ref_that_is_gone_is_forgotten() -> None:
    """The cursor does not grow with every branch that ever was."""
    before = commits_tick(WORDS, {"main": OLD, "topic": NEW}, None).cursor

    after = commits_tick(WORDS, {"main": OLD}, before).cursor

    assert json.loads(after or "") == {"main": OLD}


def test_the_commits_sensor_is_off_until_somebody_turns_it_on() -> None:
    """It starts runs, which cost money."""
    assert commits_sensor(WORDS).default_status is dg.DefaultSensorStatus.STOPPED


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(registry: Registry, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    """One tick of the sensor that looks elsewhere, as the daemon would run it."""

    class Here(Workbench):
        @contextmanager
        def registry(self) -> Iterator[Registry]:
            yield registry

        def source_control(self, pipeline: Pipeline) -> SourceControl:
            raise NotImplementedError

    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={WORKBENCH: Here()})
    result = elsewhere_sensor(WORDS)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def finished(run_id: str, report: Mapping[str, Any]) -> Event:
    return an_event("run_finished", run_id=run_id, pipeline=WORDS.name, fingerprint=None, payload=dict(report))


def test_a_run_elsewhere_becomes_materialisations_and_check_results(
    registry: MemoryRegistry, instance: dg.DagsterInstance
) -> None:
    """One instance shows the whole team's runs."""
    registry.append([finished("laptop-1", a_report(NEW, comparisons=[a_comparison("bf", "bfd")]))])

    result = tick(registry, instance)

    made = [event for event in result.asset_events if isinstance(event, dg.AssetMaterialization)]
    checks = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {(event.asset_key, str(event.partition)) for event in made} == {
        (WORDS.output("bf", "daily"), NEW),
        (WORDS.output("bfd", "daily"), NEW),
        (WORDS.board("daily"), f"{NEW}|bf"),
        (WORDS.board("daily"), f"{NEW}|bfd"),
        (WORDS.report, NEW),
    }
    assert [(one.asset_key, one.check_name, one.passed, one.partition) for one in checks] == [
        (WORDS.output("bfd", "daily"), "equals_bf", True, NEW)
    ]
    assert added(result) == [NEW]


def test_a_run_elsewhere_has_the_data_versions_of_one_here(
    registry: MemoryRegistry, instance: dg.DagsterInstance
) -> None:
    """What the state's digest says, wherever it was taken."""
    taken = Digest(rows=3, days=(), duplicate_keys=0, schema="s", policy="p", engine="local", version=1)
    registry.append(
        [
            an_event("digest", payload={"output": "daily", "prefix": "x", "digest": taken.to_json()}),
            finished("laptop-1", a_report(NEW)),
        ]
    )

    made = [event for event in tick(registry, instance).asset_events if isinstance(event, dg.AssetMaterialization)]

    [bf] = [event for event in made if event.asset_key == WORDS.output("bf", "daily")]
    assert (bf.tags or {})["dagster/data_version"] == taken.value


def test_a_run_is_reported_once(registry: MemoryRegistry, instance: dg.DagsterInstance) -> None:
    """The look back over the margin finds it again; the cursor knows it."""
    registry.append([finished("laptop-1", a_report(NEW))])
    first = tick(registry, instance)

    again = tick(registry, instance, first.cursor)
    registry.append([finished("laptop-2", a_report(NEWER))])
    third = tick(registry, instance, again.cursor)

    assert list(again.asset_events) == []
    assert {event.partition for event in third.asset_events if event.asset_key == WORDS.report} == {NEWER}


def test_runs_of_this_instance_are_not_reported_again(registry: MemoryRegistry, instance: dg.DagsterInstance) -> None:
    """They have their own events already."""
    own = dg.materialize([_an_asset], instance=instance)
    registry.append([finished(own.run_id, a_report(NEW))])

    assert list(tick(registry, instance).asset_events) == []


def test_other_pipelines_are_left_alone(registry: MemoryRegistry, instance: dg.DagsterInstance) -> None:
    """The registry holds every pipeline's runs."""
    registry.append([an_event("run_finished", pipeline="other", fingerprint=None, payload=a_report(NEW))])

    assert list(tick(registry, instance).asset_events) == []


def test_a_mode_that_failed_is_not_materialised(registry: MemoryRegistry, instance: dg.DagsterInstance) -> None:
    """Its pair is reported as not passed, with a warning."""
    skipped = a_comparison("bf", "bfd", verdict="SKIPPED", outcome="inconclusive", reason="bfd: a phase failed")
    report = a_report(NEW, modes={"bf": "ran", "bfd": "failed"}, comparisons=[skipped])
    registry.append([finished("laptop-1", report)])

    events = tick(registry, instance).asset_events

    [check] = [event for event in events if isinstance(event, dg.AssetCheckEvaluation)]
    assert WORDS.output("bfd", "daily") not in {e.asset_key for e in events if isinstance(e, dg.AssetMaterialization)}
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({}, id="empty"),
        pytest.param({**a_report("main")}, id="no commit id"),
        pytest.param({**a_report(NEW), "modes": [{"mode": "bf", "selected": True}]}, id="fields are missing"),
    ],
)
def test_a_report_that_cannot_be_read_does_not_stand_in_the_way(
    report: dict[str, Any], registry: MemoryRegistry, instance: dg.DagsterInstance
) -> None:
    """Another version wrote it; the runs after it are shown all the same."""
    registry.append([finished("laptop-1", report), finished("laptop-2", a_report(NEWER))])

    result = tick(registry, instance)

    assert added(result) == [NEWER]
    assert {event.partition for event in result.asset_events if event.asset_key == WORDS.report} == {NEWER}


def test_an_event_that_is_seen_late_is_not_lost(registry: MemoryRegistry) -> None:
    """A write that began earlier can become visible after a later one was read."""
    registry.append([finished("laptop-1", a_report(NEW))])
    _, cursor = read_elsewhere(registry, WORDS.name, Elsewhere())
    assert cursor.latest is not None
    ahead = Elsewhere(latest=cursor.latest + timedelta(seconds=30), reported=())

    runs, _ = read_elsewhere(registry, WORDS.name, ahead)

    assert [run.run_id for run in runs] == ["laptop-1"]


def test_the_cursor_reads_back_as_it_was_written() -> None:
    """It travels through Dagster's storage as text."""
    registry = MemoryRegistry()
    registry.append([finished("laptop-1", a_report(Commit(NEW)))])
    _, cursor = read_elsewhere(registry, WORDS.name, Elsewhere())

    assert Elsewhere.read(cursor.written()) == cursor


@dg.asset
def _an_asset() -> None:
    """Something to run, so that there is a run."""
