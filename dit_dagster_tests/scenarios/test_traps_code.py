"""The code that really ran, and what of its surroundings nobody may see."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.errors import UsageError
from dit_dagster.evidence.html import run_page
from dit_dagster.ports import Invocation
from dit_dagster.running.redaction import redaction
from dit_dagster_tests.local_packages import a_package
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench

SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}
CHANGES_ITSELF = (
    PROGRAM
    + """
with open("job.sql", "a") as script:
    script.write("-- once more")
"""
)


def test_trap_21_a_program_that_changes_its_own_files_is_not_judged(bench: Bench) -> None:
    """Trap 21: the next phase would run other code than the commit's; its files are read back before and after."""
    bench.commit(GOOD, "restless", program=CHANGES_ITSELF)

    ran = bench.run("bf", "bftruncate", commit="restless", **SHORT)

    assert ran.exit_code == 4
    errors = [phase["error"] for mode in ran.json["modes"] for phase in mode["phases"] if "error" in phase]
    assert "job.sql" in errors[0]
    assert "is not what commit" in errors[0]
    assert bench.events("committed") == []


def test_trap_21_a_checkout_that_somebody_changed_does_not_run(bench: Bench) -> None:
    """Trap 21: checkouts are shared by runs, and nothing says that nobody touches them."""
    bench.run("bf", "bftruncate", **SHORT)
    (checkout,) = (bench.settings.directory / "checkouts").glob("*/job.sql")
    checkout.write_text(f"{GOOD}\n-- touched\n")

    ran = bench.run("bf", "bftruncate", force=True, **SHORT)

    assert ran.exit_code == 4
    assert ran.executed == 0


REMEMBERS = PROGRAM.replace(
    "place =",
    """
import pathlib, random, tempfile
kept = pathlib.Path(FOLDER) / "factor.txt"
if not kept.exists():
    kept.write_text(str(random.randrange(10**9)))
factor = int(kept.read_text())
sql = sql.replace("COUNT(*)", str(factor))
place =""",
    1,
)
"""Each start from nothing counts otherwise; where it finds what it left, it counts as it did."""


@pytest.mark.parametrize("folder", ["'.'", "tempfile.gettempdir()"])
def test_what_a_step_leaves_behind_is_not_found_by_another_mode(bench: Bench, folder: str) -> None:
    """In production each day begins in a folder of its own: a memory of the machine would make all modes agree."""
    commit = bench.commit(GOOD, program=REMEMBERS.replace("FOLDER", folder))

    ran = bench.run("bf", "bfd", "bftruncate", commit=commit, **SHORT)

    assert set(ran.verdicts.values()) == {"DIFFERENT"}
    assert list((bench.settings.directory / "working").iterdir()) == []
    assert not list((bench.settings.directory / "checkouts").glob("*/factor.txt"))


def test_trap_47_a_secret_stands_nowhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 47: a step gets it; no log, registry entry, report or page holds it, whatever the program prints."""
    secret = secrets.token_urlsafe(24)
    monkeypatch.setenv("TRIPS_TOKEN", secret)
    step = {**bench.declaration["steps"][0], "secrets": ["TRIPS_TOKEN"]}
    bench.declare(steps=[{**step, "command": [*step["command"], "--token", "x"]}])
    prints = f"{PROGRAM}\ntoken = os.environ['TRIPS_TOKEN']\nprint('token is', token, 'https://u:' + token + '@h')\n"
    fails = prints.replace("sys.exit(error", "sys.exit(os.environ['TRIPS_TOKEN'] + error")
    bench.commit(GOOD, "talking", program=prints)
    bench.commit("SELECT ERROR('no')", "failing", program=fails)

    talking, failing = (bench.run("bf", "bftruncate", commit=tag, **SHORT) for tag in ("talking", "failing"))

    logs = "".join(file.read_text() for file in (bench.settings.directory / "logs").rglob("*.log"))
    events = [dict(event.payload) for one in (talking, failing) for event in bench.events_of(one.json["run_id"])]
    pages = [json.dumps(one.json) + run_page(one.json) for one in (talking, failing)]
    assert (talking.exit_code, failing.exit_code) == (0, 4)
    assert "token is [TRIPS_TOKEN] https://u:[TRIPS_TOKEN]@h" in logs
    assert "[TRIPS_TOKEN]" in pages[1]
    assert not any(secret in text for text in (logs, json.dumps(events), *pages))
    assert not any(secret in file.read_text(errors="replace") for file in _kept(bench.settings.directory))


def _kept(home: Path) -> list[Path]:
    """What runs leave below the home directory, without what is installed there."""
    folders = ("logs", "reports", "checkouts")
    return [file for folder in folders for file in (home / folder).rglob("*") if file.is_file()]


def test_trap_47_a_secret_that_is_not_set_is_refused(bench: Bench) -> None:
    """Before anything runs, with its name."""
    step = {**bench.declaration["steps"][0], "secrets": ["NOT_SET_ANYWHERE"]}
    bench.declare(steps=[step])

    with pytest.raises(UsageError, match="needs the variable NOT_SET_ANYWHERE, which is not set"):
        bench.run("bf", "bftruncate", **SHORT)


def test_trap_47_every_line_and_spelling_of_a_value_is_hidden(tmp_path: Path) -> None:
    """Trap 47: output comes in lines, addresses spell signs otherwise, and no repr shows a variable."""
    key = f"-----BEGIN-----\n{'ab/c+' * 4}\n-----END-----"
    invocation = Invocation(
        arguments=("run",), directory=tmp_path, variables={"KEY": key, "MODE": "fast"}, redacted=frozenset({"KEY"})
    )
    hide = redaction(invocation)

    assert hide(f"a {json.dumps(key)} b {key!r}") == "a \"[KEY]\" b '[KEY]'"
    assert hide(f"got {'ab/c+' * 4} and {'ab%2Fc%2B' * 4}, fast") == "got [KEY] and [KEY], fast"
    assert "ab/c" not in repr(invocation)


SHORT_MODES = ("bf", "bftruncate")
COUNTS_AS_TOLD = PROGRAM.replace("place =", "import lib\nsql = sql.replace('COUNT(*)', str(lib.ANSWER))\nplace =", 1)


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param({"requirements.lock": "./lib\n"}, id="path"),
        pytest.param({"requirements.lock": "-r more.txt\n", "more.txt": "-e ./lib\n"}, id="included"),
    ],
)
def test_trap_55_a_local_dependency_is_part_of_what_runs(bench: Bench, lists: dict[str, str]) -> None:
    """Trap 55: two commits whose locks read alike; the key of their programs leaves the local package out."""
    bench.declare(code={"paths": ["job.py", "job.sql"]})
    for tag, answer, more in (("one", 1, ""), ("two", 2, ""), ("same", 2, "# a note\n")):
        files = {"job.py": COUNTS_AS_TOLD, "job.sql": GOOD, "README.md": more}
        lib = a_package("lib", f"ANSWER = {answer}\n", "lib/")
        bench.repository.commit({**files, **lists, **lib}, tag)

    bench.run(*SHORT_MODES, commit="one", **SHORT)
    other = bench.run(*SHORT_MODES, commit="two", **SHORT)
    same = bench.run(*SHORT_MODES, commit="same", **SHORT)

    assert (other.exit_code, other.executed > 0) == (0, True)
    assert (same.exit_code, same.executed) == (0, 0)
    assert _counted(bench) == {2}


def _counted(bench: Bench) -> set[int]:
    """What the last state that was committed holds."""
    tables = bench.events("committed")[-1].payload["tables"]
    [daily] = [table["name"] for table in tables if table["kind"] == "TABLE"]
    return {row["visits"] for row in bench.query(f"SELECT visits FROM `{daily}`")}


REMEMBERS_BESIDE_ITSELF = """
import pathlib, random

kept = pathlib.Path(__file__).with_name("tool_factor.txt")
if not kept.exists():
    kept.write_text(str(random.randrange(10**9)))
ANSWER = CHOSEN
"""


@pytest.mark.parametrize("chosen", ["int(kept.read_text())", "7"])
def test_trap_56_what_a_program_keeps_beside_its_installation_is_not_shared(bench: Bench, chosen: str) -> None:
    """Trap 56: a factor that is drawn once per machine makes all modes agree; one that is not used harms nobody."""
    installed = "sys.path.pop(0)\nimport tool as lib"  # not the one in the folder that it is started in
    program = COUNTS_AS_TOLD.replace("import lib", installed)
    tool = a_package("tool", REMEMBERS_BESIDE_ITSELF.replace("CHOSEN", chosen))
    bench.repository.commit({"job.py": program, "job.sql": GOOD, "requirements.lock": "", **tool}, "keeping")

    ran = bench.run("bf", "bfd", "bftruncate", commit="keeping", **SHORT)

    assert set(ran.verdicts.values()) == {"IDENTICAL" if chosen == "7" else "DIFFERENT"}
    assert not list((bench.settings.directory / "environments").rglob("tool_factor.txt"))


def test_trap_57_an_environment_that_was_edited_is_not_the_commits(bench: Bench) -> None:
    """Trap 57: the edited code would run and pass, on the record of a commit that does not hold it."""
    lib = a_package("lib", "ANSWER = 1\n", "lib/")
    files = {"job.py": COUNTS_AS_TOLD, "job.sql": GOOD, "requirements.lock": "./lib\n", **lib}
    bench.repository.commit(files, "honest")
    first = bench.run(*SHORT_MODES, commit="honest", **SHORT)
    [installed] = (bench.settings.directory / "dependencies").rglob("lib.py")
    installed.write_text("ANSWER = 9\n")

    again = bench.run(*SHORT_MODES, commit="honest", force=True, **SHORT)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert _counted(bench) == {1}


def test_trap_57_a_step_that_edits_what_is_installed_fails_its_phase(bench: Bench) -> None:
    """Trap 57: whatever ran beside it, or would run after it, ran other code than the commit's."""
    lib = a_package("lib", "ANSWER = 1\n", "lib/")
    edits = f"{COUNTS_AS_TOLD}\nwith open(lib.__file__, 'a') as code:\n    code.write('# edited')\n"
    bench.repository.commit({"job.py": edits, "job.sql": GOOD, "requirements.lock": "./lib\n", **lib}, "editing")

    ran = bench.run(*SHORT_MODES, commit="editing", **SHORT)

    assert ran.exit_code == 4
    errors = [phase["error"] for mode in ran.json["modes"] for phase in mode["phases"] if "error" in phase]
    assert "lib.py is not what was installed for commit" in errors[0]
    assert bench.events("committed") == []
