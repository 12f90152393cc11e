"""A job of the small pipeline, from the pin to the report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from dit_dagster.api import Asked, make_request
from dit_dagster.defs.component import pipeline_definitions
from dit_dagster.defs.vocabulary import CACHE_TAG, Vocabulary
from dit_dagster.model.identity import Commit
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Statement
from dit_dagster.running.goldens import set_golden
from dit_dagster.running.run import prospect
from dit_dagster.settings import Settings
from dit_dagster_tests.defs.conftest import Bench, workbench_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A commit, and the run of its job."""

    commit: Commit
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def good(bench: Bench) -> Done:
    commit = bench.commit("good")
    return Done(commit=commit, result=bench.run(commit))


def test_a_good_commit_passes_every_check(bench: Bench, good: Done) -> None:
    """One run: the pin, three modes, their checks, all green."""
    assert good.result.success
    assert {name: one.passed for name, one in bench.evaluations(good.result).items()} == {
        "bfd/daily/equals_bf": True,
        "bftruncate/daily/equals_bf": True,
    }


def test_a_bad_commit_is_recorded_as_failed_and_fails_the_run(bench: Bench) -> None:
    """The result first, then the failure: without the first the page shows nothing, without the second CI is green."""
    result = bench.run(bench.commit("appends"))

    found = bench.evaluations(result)
    assert not result.success
    assert {name: (one.passed, one.severity) for name, one in found.items()} == {
        "bfd/daily/equals_bf": (False, dg.AssetCheckSeverity.ERROR),
        "bftruncate/daily/equals_bf": (False, dg.AssetCheckSeverity.ERROR),
    }
    assert found["bftruncate/daily/equals_bf"].metadata["verdict"].value == "DIFFERENT"
    page = Path(str(found["bftruncate/daily/equals_bf"].metadata["report"].value))
    assert "bftruncate" in page.read_text(encoding="utf-8")
    assert found["bftruncate/daily/equals_bf"].metadata["multiplicity"].value == 12  # 4 days too many of 3 vessels


def test_an_unknown_commit_fails_before_any_step_does_work(bench: Bench) -> None:
    """Dagster takes any text as a partition of a dynamic definition; the pin does not."""
    before = len(bench.registry._events)

    results = [bench.run(partition) for partition in ("0" * 40, "main", "0" * 39 + "|")]

    assert [result.success for result in results] == [False, False, False]
    assert len(bench.registry._events) == before
    assert "0" * 40 not in bench.instance.get_dynamic_partitions(bench.words.partitions)
    assert not any(event.is_step_success for result in results for event in result.all_events)


def test_the_refusal_names_the_remedy(bench: Bench) -> None:
    """One line, as `dit` says it."""
    [failure] = [event for event in bench.run("main").all_events if event.is_step_failure]

    assert "is not a full commit id; give all 40 hex digits" in str(failure.event_specific_data)


def test_a_failed_mode_leaves_the_others_and_the_report(bench: Bench) -> None:
    """bf comes to its state; the pairs of the failed modes are SKIPPED, which is no pass."""
    commit = bench.commit("crashes-on-dailies")
    result = bench.run(commit)

    [report] = [event.payload for event in bench.events("run_finished") if event.payload["commit"] == commit]
    assert not result.success
    assert result.asset_materializations_for_node(bench.words.mode_op("bf"))
    assert {one["right"]: one["verdict"] for one in report["comparisons"]} == {
        "bfd": "SKIPPED",
        "bftruncate": "SKIPPED",
    }
    assert {mode["mode"]: mode["outcome"] for mode in report["modes"]} == {
        "bf": "ran",
        "bfd": "failed",
        "bftruncate": "failed",
    }
    assert report["outcome"] == "error"
    assert {name: one.severity for name, one in bench.evaluations(result).items()} == {
        "bfd/daily/equals_bf": dg.AssetCheckSeverity.WARN,
        "bftruncate/daily/equals_bf": dg.AssetCheckSeverity.WARN,
    }


def test_a_shared_phase_is_executed_once(bench: Bench, good: Done) -> None:
    """bf is the first phase of bftruncate, though another step runs it."""
    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == good.result.run_id]

    assert report["invocations"] == {"naive": 7, "planned": 6, "executed": 6, "reused": 0}
    assert report["outcome"] == "pass"


def test_the_board_has_a_cell_per_commit_and_mode(bench: Bench, good: Done) -> None:
    """An external asset that every mode's step writes to."""
    cells = bench.instance.get_materialized_partitions(bench.words.board("daily"))

    assert {f"{good.commit}|{mode}" for mode in ("bf", "bfd", "bftruncate")} <= cells


def test_the_pin_observes_the_sources(bench: Bench, good: Done) -> None:
    """Their data version is what they held, so that Dagster sees when it changed."""
    source = bench.words.source("trips")
    observed = bench.instance.fetch_observations(dg.AssetRecordsFilter(asset_key=source), limit=1).records

    assert observed[0].asset_observation is not None
    assert observed[0].asset_observation.tags["dagster/data_version"]


def test_a_reuse_is_still_a_materialisation(bench: Bench, good: Done) -> None:
    """Skipping it would skip the checks in silence. The data version is the same, the tag says that nothing ran."""
    again = bench.run(good.commit)

    key = bench.words.output("bfd", "daily")
    tags = [_materialised(result, key).tags or {} for result in (good.result, again)]
    assert [one[CACHE_TAG] for one in tags] == ["miss", "hit"]
    assert tags[0]["dagster/data_version"] == tags[1]["dagster/data_version"]
    assert len(bench.evaluations(again)) == 2


def test_a_check_alone_judges_the_latest_pin(bench: Bench, good: Done) -> None:
    """After a run it can be repeated by itself. The report is of the whole pin, so the other pair is judged as well."""
    result = _check_alone(bench, good.commit)

    found = bench.evaluations(result)
    assert found["bfd/daily/equals_bf"].passed
    assert {one.passed for one in found.values()} == {True}


def test_a_check_without_a_pin_does_not_pass(bench: Bench) -> None:
    """Launched alone for a commit that was never run, it has nothing to judge."""
    result = _check_alone(bench, bench.commit("good but never run"))

    assert not result.success
    assert not any(one.passed for one in result.get_asset_check_evaluations())


def test_steps_without_a_pin_go_on_from_the_latest_one(bench: Bench) -> None:
    """As a re-execution from failure does: what had come to a state is not run again, and all is judged."""
    commit = bench.commit("crashes-for-a-while")
    failed = bench.run(commit)
    bench.mended.add("crashes-for-a-while")

    result = bench.run(commit, assets=[bench.words.output(mode, "daily") for mode in ("bfd", "bftruncate")])

    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == result.run_id]
    assert (failed.success, result.success) == (False, True)
    assert [one["verdict"] for one in report["comparisons"]] == ["IDENTICAL", "IDENTICAL"]
    assert report["outcome"] == "pass"


def test_a_run_that_goes_on_ends_with_the_last_of_its_own_modes(bench: Bench) -> None:
    """The first that ends finds the failure of the other in the earlier run, and must not take it for its own."""
    commit = bench.commit("crashes-once and is mended")
    failed = bench.run(commit)
    bench.mended.add("crashes-once")

    result = _outputs_alone(bench, commit, "bfd", "bftruncate")

    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == result.run_id]
    assert (failed.success, result.success) == (False, True)
    assert {mode["mode"]: mode["outcome"] for mode in report["modes"]} == dict.fromkeys(
        ("bf", "bfd", "bftruncate"), "ran"
    )
    assert report["outcome"] == "pass"


def test_a_run_that_goes_on_judges_the_states_that_there_are(bench: Bench) -> None:
    """An earlier run passed; since then somebody has emptied a table. Its verdict is not this run's."""
    commit = bench.commit("good until it is emptied")
    passed = bench.run(commit)
    events = [event for event in bench.events("committed") if event.payload["commit"] == commit]
    records = [record for event in events if (record := PhaseRecord.readable(event.payload)) is not None]
    [last] = [record for record in records if (record.mode, record.index) == ("bfd", 2)]
    for table in last.tables:
        bench.place.warehouse.query(Statement(sql=f"DELETE FROM {table.name.sql} WHERE TRUE"))

    result = _outputs_alone(bench, commit, "bfd")

    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == result.run_id]
    assert passed.success
    assert report["outcome"] == "error"
    assert {one["right"]: one["verdict"] for one in report["comparisons"]} == {
        "bfd": "ERROR",
        "bftruncate": "IDENTICAL",
    }


def test_a_run_that_must_resume_is_refused_without_a_state(bench: Bench) -> None:
    """In the pin, before any step does work; its config says so as `dit run` does."""
    commit = bench.commit("good but never run before")

    result = bench.run(commit, pinned={"resume": "always"})

    [failure] = [event for event in result.all_events if event.is_step_failure and event.step_key == bench.words.pin_op]
    assert "bf:1 [2013-01-01, 2013-01-06) would run from nothing (code: tree" in str(failure.event_specific_data)
    assert not any(event.payload["commit"] == commit for event in bench.events("run_planned"))


def test_a_run_from_a_phase_on_runs_what_stands_on_it(bench: Bench) -> None:
    """Every process of the run obeys what the pin decided."""
    commit = bench.commit("good, and again from a phase on")
    bench.run(commit)

    result = bench.run(commit, pinned={"from_phase": "bfd:1", "resume": "if-possible"})

    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == result.run_id]
    assert result.success
    assert {mode["mode"]: mode["outcome"] for mode in report["modes"]} == {
        "bf": "reused",
        "bfd": "ran",
        "bftruncate": "reused",
    }


def test_a_verdict_that_is_remembered_costs_the_job_nothing(bench: Bench, good: Done) -> None:
    """The report of the second run of a commit says so, and where its page is, as that of the first did."""
    again = bench.run(good.commit)

    [report] = [event.payload for event in bench.events("run_finished") if event.run_id == again.run_id]
    assert (report["remembered"], report["cost"]["statements"]) == (2, 0)
    [shown] = [one for one in again.get_asset_materialization_events() if one.asset_key == bench.words.report]
    assert again.run_id in str(shown.materialization.metadata["report"].value)


def test_a_mode_that_the_latest_pin_did_not_plan_is_refused(bench: Bench, good: Done) -> None:
    """The remedy is in the message."""
    result = bench.run(good.commit, job=bench.words.job_of_all_modes, assets=[bench.words.output("repeat", "daily")])

    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "planned bf, bfd, bftruncate, not repeat; materialise trips/pin" in str(failure.event_specific_data)


def test_one_mode_alone_is_not_compared(bench: Bench) -> None:
    """Zero comparisons are not a pass."""
    words = bench.words
    result = bench.run(bench.commit("good alone"), assets=[words.pin, words.output("bfd", "daily")])

    found = bench.evaluations(result)
    assert not result.success
    assert {name: one.metadata["verdict"].value for name, one in found.items()} == {
        "bfd/daily/equals_bf": "NOT_COMPARED"
    }


def test_a_mode_with_mutations_says_whether_it_exercised_anything(bench: Bench) -> None:
    """The job of every mode: `exercised` beside `equals_bf`, `deterministic` on the replica."""
    result = bench.run(bench.commit("good in all modes"), job=bench.words.job_of_all_modes)

    assert {name: one.passed for name, one in bench.evaluations(result).items()} == {
        "bfd/daily/equals_bf": True,
        "bftruncate/daily/equals_bf": True,
        "mutate_recover/daily/equals_bf": True,
        "mutate_recover/daily/exercised": True,
        "repeat/daily/deterministic": True,
    }
    assert result.success


def test_the_reference_is_checked_against_the_golden_state(bench: Bench) -> None:
    """Declared: until one is set the check does not pass, and then it compares without running the golden commit."""
    pipeline = bench.words.pipeline.model_copy(update={"golden": "on"})
    held = replace(
        bench, words=Vocabulary(pipeline), definitions=pipeline_definitions(pipeline, workbench_at(bench.place))
    )
    assets = [held.words.pin, held.words.output("bf", "daily")]
    old, new = held.commit("good as gold"), held.commit("good as well")
    before = held.evaluations(held.run(old, assets=assets))
    asked = Asked(pipeline="trips", commit=old, modes=["bf"], golden=False)
    request = make_request(asked, pipeline, held.place, Settings.read())
    set_golden(prospect(request, held.place), held.place)

    after = held.evaluations(held.run(new, assets=assets))

    assert [(name, one.passed) for name, one in before.items()] == [("bf/daily/equals_golden", False)]
    assert [(name, one.passed) for name, one in after.items()] == [("bf/daily/equals_golden", True)]
    assert after["bf/daily/equals_golden"].metadata["verdict"].value == "IDENTICAL"


def _outputs_alone(bench: Bench, commit: str, *modes: str) -> dg.ExecuteInProcessResult:
    """The steps of these modes without their checks, as somebody selects them in the page."""
    assets = dg.AssetSelection.assets(*(bench.words.output(mode, "daily") for mode in modes))
    job = dg.define_asset_job("outputs", selection=assets.without_checks(), partitions_def=bench.words.commits)
    definitions = dg.Definitions.merge(bench.definitions, dg.Definitions(jobs=[job]))
    return definitions.resolve_job_def("outputs").execute_in_process(
        instance=bench.instance, tags={"dagster/partition": commit}, raise_on_error=False
    )


def _check_alone(bench: Bench, commit: str) -> dg.ExecuteInProcessResult:
    key = dg.AssetCheckKey(bench.words.output("bfd", "daily"), "equals_bf")
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(key), partitions_def=bench.words.commits)
    return (
        dg.Definitions.merge(bench.definitions, dg.Definitions(jobs=[job]))
        .resolve_job_def("alone")
        .execute_in_process(instance=bench.instance, tags={"dagster/partition": commit}, raise_on_error=False)
    )


def _materialised(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dg.AssetMaterialization:
    found = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return next(one for one in found if one.asset_key == key)
