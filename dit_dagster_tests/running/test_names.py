"""Names of what a run makes: found by prefix, told apart by a content hash, and the only ones ever deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.model.identity import Commit, DatasetName, ExperimentId
from dit_dagster.running.names import (
    experiment_prefix,
    is_mark,
    made_table,
    parsed,
    state_prefix,
    state_table,
    was_made_here,
)
from dit_dagster_tests.builders import COMMIT, a_request

EXPERIMENTS = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True).map(ExperimentId)
COMMITS = st.from_regex(r"[0-9a-f]{40}", fullmatch=True).map(Commit)
MODES = st.sampled_from(["bf", "bfd", "mutate_recover", "a" * 40])
SCRATCH = DatasetName("prod", "scratch")


@given(experiment=EXPERIMENTS, commit=COMMITS, mode=MODES, index=st.integers(0, 999), run=st.text(max_size=10))
def test_every_generated_name_is_ours_and_found_by_prefix(
    experiment: ExperimentId, commit: Commit, mode: str, index: int, run: str
) -> None:
    """Whatever the experiment and the mode are called, and short enough for BigQuery."""
    request = replace(a_request("bf"), experiment=experiment, commit=commit)

    prefix = state_prefix(request, mode, index, {"run": run})
    names = [state_table(prefix, "daily_last"), made_table(SCRATCH, request, "pin_visits", {"run": run}).table]

    assert all(name.startswith(experiment_prefix(experiment, commit)) for name in names)
    assert all(was_made_here(name) for name in names)
    assert max(len(name) for name in names) < 300


@given(one=st.text(max_size=5), other=st.text(max_size=5))
def test_trap_39_other_content_has_another_name(one: str, other: str) -> None:
    """Trap 39: two attempts at one phase of one experiment never share a name."""
    request = a_request("bf")

    same = state_prefix(request, "bf", 0, {"run": one}) == state_prefix(request, "bf", 0, {"run": other})

    assert same == (one == other)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param("visits", id="a source table"),
        pytest.param("dit_events", id="the registry"),
        pytest.param("solo_", id="an experiment's prefix"),
        pytest.param(f"solo_{COMMIT}_", id="a commit's prefix"),
        pytest.param(f"solo_{COMMIT}_bf_0", id="without its hash"),
        pytest.param(f"Solo_{COMMIT}_bf_0_0123456789ab", id="upper case"),
        pytest.param(f"solo_{COMMIT[:12]}_bf_0_0123456789ab", id="a short commit"),
        pytest.param(f"solo_{COMMIT}_bf_0_0123456789ab\n", id="a line break"),
    ],
)
def test_trap_42_what_is_not_a_generated_name_is_never_ours(name: str) -> None:
    """Trap 42: whatever a record says, only a table that this project named can be deleted."""
    assert not was_made_here(name)


@given(
    experiment=EXPERIMENTS,
    commit=COMMITS,
    mode=MODES,
    index=st.integers(0, 999),
    role=st.from_regex(r"[a-z_]{1,8}(_[0-9a-f]{12}__[a-z]{1,3})?", fullmatch=True),
)
def test_trap_42_a_generated_name_is_taken_apart_into_what_it_was_made_of(
    experiment: ExperimentId, commit: Commit, mode: str, index: int, role: str
) -> None:
    """Trap 42: whatever the role looks like, the true prefix is among those that are looked up, and the owner is."""
    request = replace(a_request("bf"), experiment=experiment, commit=commit)
    prefix = state_prefix(request, mode, index, {})

    of_state = parsed(state_table(prefix, role))
    of_none = parsed(made_table(SCRATCH, request, "pin_visits", {}).table)

    assert of_state is not None
    assert (of_state.experiment, of_state.commit, of_state.start) == (
        experiment,
        commit,
        experiment_prefix(experiment, commit),
    )
    assert prefix in of_state.prefixes
    assert of_none is not None
    assert of_none.prefixes == ()


@given(text=st.text(max_size=30) | st.from_regex(r"[a-z_0-9]{0,20}(__[a-z]+)?", fullmatch=True))
def test_trap_42_any_other_text_has_no_owner(text: str) -> None:
    """Trap 42: what is not taken apart is not ours, and the other way round."""
    assert (parsed(text) is not None, is_mark(text)) == (was_made_here(text), False)
