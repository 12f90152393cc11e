"""Hooks between steps: what they do to a state, what a change of them does, and what they may not do."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster import api
from dit_dagster.api import declared_pipeline, make_request
from dit_dagster.errors import UnknownName
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.model.outcome import outcome_name
from dit_dagster.running.orchestrator import Stop
from dit_dagster.running.run import execute, open_run, prospect
from dit_dagster.running.workplace import silence
from dit_dagster.wiring import surroundings, workplace
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, all_phases

SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}
ONLY_V1 = "DELETE FROM `{table.daily}` WHERE vessel <> 'v1' AND day >= '{start}' AND day < '{end}'"
NOTHING = "DELETE FROM `{table.daily}` WHERE TRUE"
FUNCTION = """
import json, os, urllib.request

def sieve(table, start, end, **_):
    sql = f"DELETE FROM `{table}` WHERE vessel = 'v2' AND day >= '{start}' AND day < '{end}'"
    place = f"{os.environ['BIGQUERY_EMULATOR_HOST']}/bigquery/v2/projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/queries"
    asked = json.dumps({"query": sql, "useLegacySql": False}).encode()
    request = urllib.request.Request(place, data=asked, headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request).read()
"""
SQL_HOOK = {"name": "fewer", "after": "count", "table": "daily", "sql": "hooks/fewer.sql"}
PYTHON_HOOK = {"name": "sieve", "after": "count", "table": "daily", "python": "hooks.sieve:sieve"}


def commit(bench: Bench, tag: str, **files: str) -> None:
    """A good program, with hooks in its repository."""
    paths = {"hooks/fewer.sql": files.get("sql", ONLY_V1), "hooks/sieve.py": files.get("function", FUNCTION)}
    bench.repository.commit({"job.py": PROGRAM, "job.sql": GOOD, "requirements.lock": "", **paths}, tag)


def vessels(bench: Bench, index: int = -1) -> set[str]:
    prefix = bench.events("committed")[index].payload["prefix"]
    return {row["vessel"] for row in bench.query(f"SELECT DISTINCT vessel FROM `{bench.scratch}.{prefix}__daily`")}


def reasons(described: Any) -> set[tuple[str, ...]]:
    return {tuple(phase["reasons"]) for phase in all_phases(described)}


@pytest.mark.parametrize(
    ("hook", "left"),
    [
        pytest.param(SQL_HOOK, {"v1"}, id="a SQL file"),
        pytest.param(PYTHON_HOOK, {"v1", "v3", "v4"}, id="a function"),
    ],
)
def test_a_hook_changes_the_state_of_every_phase(bench: Bench, hook: dict[str, Any], left: set[str]) -> None:
    """With the dates of the phase; and what it does is recorded among the commands."""
    commit(bench, "hooked")
    bench.declare(hooks=[hook])

    ran = bench.run("bf", "bfd", commit="hooked", **SHORT)

    assert (ran.exit_code, ran.verdicts, vessels(bench)) == (0, {"bfd": "IDENTICAL"}, left)
    assert bench.events("committed")[0].payload["commands"][1].startswith(f"hook {hook['name']}: hooks")


def test_trap_38_a_hook_that_changed_is_run_again(bench: Bench) -> None:
    """Trap 38: its file is part of what is hashed, also if the declared paths of the program leave it out."""
    bench.declare(code={"paths": ["job.py", "job.sql", "requirements.lock"]}, hooks=[SQL_HOOK])
    commit(bench, "one")
    commit(bench, "two", sql=f"{ONLY_V1} OR vessel = 'v1' AND day < '1999-01-01'")
    bench.run("bf", commit="one")

    same, other = bench.explain("bf", commit="one"), bench.explain("bf", commit="two")

    assert [phase["decision"] for phase in all_phases(same)] == ["reuse"]
    assert [phase["decision"] for phase in all_phases(other)] == ["run"]


def test_trap_38_a_hook_that_is_a_link_is_a_wrong_declaration(bench: Bench) -> None:
    """Trap 38: what is hashed of it is where it leads, and not what is there: that could change unseen."""
    link = bench.repository.path / "hooks" / "link.sql"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("fewer.sql")
    commit(bench, "linked")
    bench.declare(
        code={"paths": ["job.py", "job.sql", "requirements.lock"]}, hooks=[{**SQL_HOOK, "sql": "hooks/link.sql"}]
    )

    ran = bench.run("bf", commit="linked")

    assert (bench.events("committed"), next(all_phases(ran.json))["error"]) == (
        [],
        "hook 'fewer': hooks/link.sql is a link; name the file that it leads to",
    )


def test_trap_38_a_hook_that_cannot_be_hashed_runs_every_time(bench: Bench) -> None:
    """Trap 38: a function may import what the declared paths leave out; a version stands for it, if there is one."""
    paths = {"paths": ["job.py", "job.sql", "requirements.lock"]}
    commit(bench, "hooked")
    bench.declare(code=paths, hooks=[PYTHON_HOOK])
    bench.run("bf", commit="hooked")
    opaque = bench.run("bf", commit="hooked")
    bench.declare(code=paths, hooks=[{**PYTHON_HOOK, "version": "1"}])
    bench.run("bf", commit="hooked")
    versioned = bench.run("bf", commit="hooked")

    assert (opaque.executed, versioned.executed) == (1, 0)
    assert reasons(opaque.json) == {("opaque: hook sieve is neither hashed nor has a version",)}


def test_trap_38_commits_whose_hook_cannot_be_hashed_are_compared(bench: Bench) -> None:
    """Trap 38: their fingerprints are equal, and say nothing of the function; so their states are compared.

    Without a run that can say what the other commit leaves behind, nothing is known of it.
    """
    bench.declare(code={"paths": ["job.py", "job.sql", "requirements.lock"]}, hooks=[PYTHON_HOOK])
    commit(bench, "one")
    commit(bench, "two", function=FUNCTION.replace("'v2'", "'v3'"))

    found = api.diff("visits", {"one": "one", "two": "two"}, settings=bench.settings, modes=["bf"])
    against = bench.run("bf", commit="two", against="one").json["against"]["comparisons"]

    assert [one["verdict"] for one in diff_json(found)["comparisons"]] == ["DIFFERENT"]
    assert [one["verdict"] for one in against] == ["SKIPPED"]
    assert "hook sieve is neither hashed nor has a version; give it one" in against[0]["reason"]
    with pytest.raises(UnknownName, match="hook sieve is neither hashed nor has a version; give it one"):
        api.set_golden("visits", settings=bench.settings, commit="two")


def test_trap_38_what_another_commit_made_in_the_meantime_is_not_taken_over(bench: Bench) -> None:
    """Trap 38: of two runs at once whose hook cannot be hashed, each makes its own; of one commit, one for both."""
    bench.declare(code={"paths": ["job.py", "job.sql", "requirements.lock"]}, hooks=[PYTHON_HOOK])
    commit(bench, "one")
    commit(bench, "two", function=FUNCTION.replace("'v2'", "'v3'"))
    asked = api.Asked(pipeline="visits", commit="two", modes=["bf"])
    declared = declared_pipeline(asked, bench.settings)
    place = workplace(declared, bench.settings, surroundings(bench.settings))
    ahead = prospect(make_request(asked, declared, place, bench.settings), place)

    def late(run_id: str) -> list[str]:
        open_run(ahead, place, run_id)
        outcomes, _ = execute(ahead, place, run_id, modes=("bf",), stop=Stop(), watch=silence)
        return [outcome_name(outcome) for outcome in outcomes.values()]

    bench.run("bf", commit="one")
    after_another = late("late")
    of_its_own = vessels(bench)

    assert (after_another, of_its_own) == (["ran"], {"v1", "v2", "v4"})
    assert late("later") == ["reused"]


def test_a_hook_that_leaves_nothing_fails_its_phase(bench: Bench) -> None:
    """Two empty tables would be equal."""
    commit(bench, "greedy", sql=NOTHING)
    bench.declare(hooks=[SQL_HOOK])

    ran = bench.run("bf", "repeat", commit="greedy")

    assert (ran.exit_code, bench.events("committed")) == (4, [])
    assert all("left daily empty; if that may be, declare allow_empty" in one["error"] for one in all_phases(ran.json))


def test_what_stands_on_an_empty_table_says_so(bench: Bench) -> None:
    """Declared, so that the phase is committed; its descendants and their verdicts carry it, and EMPTY is no pass."""
    commit(bench, "greedy", sql=NOTHING)
    bench.declare(hooks=[{**SQL_HOOK, "allow_empty": True}], outputs={"daily": {"keys": ["day", "vessel"]}})

    ran = bench.run("bf", "bfd", commit="greedy", **SHORT)
    again = bench.run("bf", "bfd", commit="greedy", **SHORT)

    for one in (ran, again):
        assert [phase["empty"] for phase in all_phases(one.json)] == [["daily"]] * 3
        assert (one.exit_code, one.verdicts) == (3, {"bfd": "EMPTY"})
        assert "bfd stands on daily, which a hook left empty, as is declared" in one.comparison("bfd")["warnings"]


def test_versions_and_a_golden_state_that_stand_on_an_empty_table_say_so(bench: Bench) -> None:
    """As two modes do: what the table would have shown is not compared."""
    commit(bench, "greedy", sql=NOTHING)
    commit(bench, "other", sql=f"{NOTHING} -- said otherwise")
    output = {"keys": ["day", "vessel"], "allow_empty": True}
    bench.declare(hooks=[{**SQL_HOOK, "allow_empty": True}], outputs={"daily": output})
    bench.run("bf", commit="greedy")
    api.set_golden("visits", settings=bench.settings, commit="greedy")

    golden = bench.run("bf", commit="other", golden=True).comparison("bf")
    found = api.diff("visits", {"one": "greedy", "two": "other"}, settings=bench.settings, modes=["bf"])
    [crossed] = diff_json(found)["comparisons"]

    said = "stands on daily, which a hook left empty, as is declared"
    assert (golden["verdict"], golden["warnings"]) == ("IDENTICAL", [f"golden {said}", f"bf {said}"])
    assert (crossed["verdict"], crossed["warnings"]) == ("IDENTICAL", [f"one.bf {said}", f"two.bf {said}"])


def test_a_hook_whose_file_is_missing_is_a_wrong_declaration(bench: Bench) -> None:
    """Nothing is committed without it."""
    bench.declare(hooks=[SQL_HOOK])

    ran = bench.run("bf", commit="good")

    assert (bench.events("committed"), next(all_phases(ran.json))["error"]) == (
        [],
        "hook 'fewer': the commit has no file hooks/fewer.sql",
    )
