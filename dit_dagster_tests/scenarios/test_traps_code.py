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
