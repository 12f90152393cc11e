"""The job as CI starts it: `dagster job execute` with a commit as its partition."""

from __future__ import annotations

import pytest

from dit_dagster_tests.recorded_runs import PIPELINE, UNKNOWN, RecordedRuns

pytestmark = pytest.mark.xdist_group("recorded_runs")


def test_the_good_commit_exits_with_0(recorded_runs: RecordedRuns) -> None:
    """From a fresh Dagster home: the pin registers the commit."""
    good = recorded_runs.good

    assert good.code == 0, good.said[-3000:]
    assert f"Asset check 'equals_bf' on '{PIPELINE}/bftruncate/daily' passed" in good.said


def test_the_bug_commit_exits_with_1_for_the_right_reason(recorded_runs: RecordedRuns) -> None:
    """Rows that are there twice; the other output is the same."""
    bad = recorded_runs.bad

    assert bad.code == 1, bad.said[-3000:]
    assert f"Asset check 'equals_bf' on '{PIPELINE}/bftruncate/gaps' passed" in bad.said
    assert f"Asset check 'equals_bf' on '{PIPELINE}/bftruncate/daily' did not pass" in bad.said
    assert "daily equals_bf: DIFFERENT" in bad.said
    assert "by multiplicity" in bad.said


def test_an_unknown_commit_exits_with_1_before_any_work(recorded_runs: RecordedRuns) -> None:
    """Dagster does not look at the partition; the pin refuses it, and nothing else starts."""
    unknown = recorded_runs.unknown

    assert unknown.code == 1
    assert f"no commit '{UNKNOWN}'" in unknown.said
    assert f"Dependencies for step {PIPELINE}__bf failed: ['{PIPELINE}__pin']. Not executing." in unknown.said
    assert "ASSET_MATERIALIZATION -" not in unknown.said
