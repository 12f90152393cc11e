"""Names of Dataflow jobs: as Dataflow takes them, and never two jobs under one."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.running.job_names import LONGEST, JobOf, job_name

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)
BINDINGS = st.one_of(NAMES, st.from_regex(r"[0-9a-f]{40}", fullmatch=True), st.text(min_size=1, max_size=80))
JOBS = st.builds(
    JobOf,
    pipeline=NAMES,
    step=NAMES,
    experiment=NAMES,
    binding=BINDINGS,
    mode=NAMES,
    phase=st.integers(1, 100_000),
    attempt=st.integers(1, 1_000),
    run_id=st.from_regex(r"[0-9a-z][0-9a-z_-]{5,63}", fullmatch=True),
)
JOB = JobOf(
    pipeline="gaps",
    step="detect",
    experiment="solo",
    binding="main",
    mode="bfd",
    phase=2,
    attempt=1,
    run_id="run-000001",
)


@given(job=JOBS)
def test_every_name_is_one_that_dataflow_takes(job: JobOf) -> None:
    """At most 63 letters, digits and dashes, a letter first, no dash last, whatever the parts are."""
    name = job_name(job)

    assert re.fullmatch(r"dit-[-a-z0-9]*[a-z0-9]", name)
    assert len(name) <= LONGEST


@given(job=JOBS)
def test_trap_40_a_cut_name_keeps_its_tail(job: JobOf) -> None:
    """Mode, phase and attempt, which tell the jobs of a run apart, survive a front of any length."""
    short = replace(job, mode="bfd", phase=min(job.phase, 9_999), attempt=min(job.attempt, 99))

    assert re.search(rf"-bfd-{short.phase}-{short.attempt}-[0-9a-f]{{8}}$", job_name(short))


@given(one=JOBS, other=JOBS)
def test_two_jobs_have_two_names(one: JobOf, other: JobOf) -> None:
    """Names are equal only for the same job."""
    assert (job_name(one) == job_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"pipeline": "a_b", "step": "c"}, {"pipeline": "a", "step": "b_c"}, id="a seam"),
        pytest.param({"binding": "a-b"}, {"binding": "a_b"}, id="a dash and an underscore"),
        pytest.param({"run_id": "run-000001"}, {"run_id": "run-000002"}, id="two runs of one experiment"),
    ],
)
def test_trap_39_what_reads_alike_is_told_apart(one: dict[str, str], other: dict[str, str]) -> None:
    """Parts that become the same signs, and runs that share everything but their id."""
    names = {job_name(replace(JOB, **changes)) for changes in (one, other)}  # type: ignore[arg-type]

    assert len(names) == 2


def test_a_short_name_is_legible() -> None:
    """All its parts, in the order in which one looks for them."""
    assert re.fullmatch(r"dit-gaps-detect-solo-main-bfd-2-1-[0-9a-f]{8}", job_name(JOB))
    assert {field.name for field in fields(JobOf)} >= {"pipeline", "step", "experiment", "binding", "mode"}
