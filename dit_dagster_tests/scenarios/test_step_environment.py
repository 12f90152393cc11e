"""What a program can read: each row of docs/identity.md's table, shown by a program that reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, all_phases

PAGE = Path(__file__).parents[2] / "docs" / "identity.md"

READER = """
import getpass, json, locale, multiprocessing, os, random, resource, socket, sys, tempfile, time

umask = os.umask(0o022)
os.umask(umask)
print("READ " + json.dumps({
    "time zone": [time.tzname, os.environ.get("TZ"), time.localtime(0).tm_hour],
    "locale": [locale.setlocale(locale.LC_ALL, ""), sys.getfilesystemencoding(), os.environ.get("LANG")],
    "HOME": [os.path.expanduser("~"), sorted(os.listdir(os.path.expanduser("~")))],
    "TMPDIR": [tempfile.gettempdir(), sorted(os.listdir(tempfile.gettempdir()))],
    "PATH": os.environ["PATH"].split(":")[2:],
    "variables of whoever starts the run": [n for n in os.environ if n.startswith(("THEIR_", "PYTHONSTART"))],
    "variables that the step declares": os.environ.get("DECLARED"),
    "standard input": sys.stdin.read(),
    "umask": umask,
    "working directory": sorted(os.listdir(".")),
    "files of the checkout": open("job.sql").read(),
    "files beside the installed program": os.path.dirname(os.path.dirname(sys.executable)),
    "/tmp": os.path.isdir("/tmp"),
    "host name": socket.gethostname(),
    "user name": getpass.getuser(),
    "number of CPUs": multiprocessing.cpu_count(),
    "limits": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
    "current time": time.time_ns(),
    "process id": os.getpid(),
    "random seeds": [random.random(), hash("a text"), os.urandom(8).hex()],
    "network": os.environ.get("HTTPS_PROXY"),
}), flush=True)
open(os.path.join(os.path.expanduser("~"), "left-behind"), "w").close()
open(os.path.join(tempfile.gettempdir(), "left-behind-too"), "w").close()
"""

THEIRS = {
    "TZ": "Asia/Tokyo",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "C",
    "PYTHONSTARTUP": "/nowhere.py",
    "THEIR_OWN": "value",
    "USER": "somebody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the program read in the phases of one caller's run, and of another's."""

    ours: tuple[Mapping[str, Any], ...]
    theirs: tuple[Mapping[str, Any], ...]


def table() -> dict[str, str]:
    """The rows of the page's table: what a program can read, and what is done about it."""
    text = PAGE.read_text(encoding="utf-8").split("## What a program can read", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (?!what)([^|-][^|]*?) \| ([^|]+?) \|", text, re.MULTILINE)
    return {name.replace("`", ""): answer for name, answer in rows}


def reads(bench: Bench) -> tuple[Mapping[str, Any], ...]:
    """What the program said in every phase whose log is there, which are then taken away."""
    logs = sorted(bench.settings.directory.glob("logs/**/*.log"))
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    for log in logs:
        log.unlink()
    return tuple(json.loads(line.partition("READ ")[2]) for line in lines if "READ {" in line)


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud, warehouse: BigQueryWarehouse
) -> Iterator[Seen]:
    bench = Bench.new(tmp_path_factory.mktemp("reader"), local_cloud, warehouse)
    step = {**bench.declaration["steps"][0], "environment": {"DECLARED": "so"}}
    bench.declare(steps=[step])
    bench.commit(GOOD, "reader", program=READER + PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        bench.run("bf", "bfd", "repeat", commit="reader")
        ours = reads(bench)
        for name, value in THEIRS.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("their-home")))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("their-tmp")))
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        bench.run("bf", "bfd", "repeat", commit="reader", force=True)
        theirs = reads(bench)
    yield Seen(ours=ours, theirs=theirs)
    bench.close()


FIXED = "fixed"
KEY = "in the key"
REPEAT = "seen by `repeat`"
NEITHER = "neither"


@pytest.mark.parametrize("name", table())
def test_the_table_is_true_of_each_thing_that_a_program_can_read(seen: Seen, name: str) -> None:
    """What is fixed is the same for two callers and in every phase; what `repeat` sees differs from phase to phase."""
    values = [read[name] for read in (*seen.ours, *seen.theirs)]
    distinct = {json.dumps(value, sort_keys=True) for value in values}
    expected: Mapping[str, Callable[[], bool]] = {
        FIXED: lambda: len(distinct) == 1 or name in ("HOME", "TMPDIR"),
        KEY: lambda: len(distinct) == 1 or name == "files beside the installed program",
        REPEAT: lambda: len(distinct) == len(values),
        NEITHER: lambda: len(distinct) == 1,
    }

    assert len(seen.ours) >= 3
    assert len(seen.theirs) == len(seen.ours)
    assert expected[table()[name]]()


def test_every_thing_that_the_program_reads_has_a_row(seen: Seen) -> None:
    """And no row is without something that reads it."""
    assert set(seen.ours[0]) == set(table())


def test_a_phase_finds_nothing_that_another_left_in_home_or_tmpdir(seen: Seen) -> None:
    """Each phase has folders of its own, which nobody had before; never the caller's."""
    for name in ("HOME", "TMPDIR"):
        folders, contents = zip(*(read[name] for read in (*seen.ours, *seen.theirs)), strict=True)

        assert len(set(folders)) == len(folders)
        assert set(map(tuple, contents)) == {()}
        assert not any(Path(folder).exists() for folder in folders)


def test_the_fixed_values_are_those_that_the_page_names(seen: Seen) -> None:
    read = seen.theirs[0]

    assert read["time zone"] == [["UTC", "UTC"], "UTC", 0]
    assert read["locale"][2] == "C.UTF-8"
    assert read["variables of whoever starts the run"] == []
    assert (read["variables that the step declares"], read["standard input"], read["umask"]) == ("so", "", 0o022)


def test_trap_58_the_callers_time_zone_reaches_no_step_and_a_declared_one_is_in_the_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 58: what is reused is what would be made anew, whoever asks; another declared zone is another phase."""
    bench.commit(GOOD, "zoned", program=READER + PROGRAM)
    monkeypatch.setenv("TZ", "UTC")
    first = bench.run("bf", commit="zoned")
    [utc] = reads(bench)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = bench.run("bf", commit="zoned")
    anew = bench.run("bf", commit="zoned", force=True)
    [tokyo] = reads(bench)
    step = {**bench.declaration["steps"][0], "environment": {"TZ": "Asia/Tokyo"}}
    bench.declare(steps=[step])
    declared = bench.run("bf", commit="zoned")
    [there] = reads(bench)

    assert (first.executed, again.executed, anew.executed, declared.executed) == (1, 0, 1, 1)
    assert utc["time zone"] == tokyo["time zone"] != there["time zone"]
    assert {one["fingerprint"] for one in all_phases(declared.json)} != {
        one["fingerprint"] for one in all_phases(first.json)
    }


def test_trap_59_a_replaced_object_is_not_run(bench: Bench) -> None:
    """Trap 59: `git replace` and grafts show other objects under the true ids; what runs is what the tree names."""
    commit = bench.commit(GOOD, "honest", program=READER + PROGRAM)
    git = bench.repository.git
    other = bench.repository.path / "other.sql"
    other.write_text(GOOD.replace("COUNT(*)", "COUNT(*) + 1"), encoding="utf-8")
    git("replace", git("rev-parse", "honest:job.sql"), git("hash-object", "-w", "other.sql"))
    other.unlink()

    ran = bench.run("bf", commit="honest")

    [read] = reads(bench)
    assert ran.executed == 1
    assert read["files of the checkout"] == GOOD
    assert ran.json["commit"] == commit
