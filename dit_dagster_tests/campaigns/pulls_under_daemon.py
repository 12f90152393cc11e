"""Pull requests under Dagster's own daemon, end to end: `make pulls`. It takes some minutes, and says what it sees.

A remote that git's daemon serves, a stand-in for GitHub's API, the sample pipeline over one week. A head with a bug is
opened and superseded by a good one; a fork's waits, is allowed, and is found to have the bug.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from dit_dagster.adapters import local_gcp
from dit_dagster.demo.history import prepare
from dit_dagster_tests.git_daemon import served_remote
from dit_dagster_tests.github_stand_in import SLUG, StandIn, stand_in
from dit_dagster_tests.recorded_runs import PROJECT
from dit_dagster_tests.repositories import Repository

NAME = "short_gaps"
SENSORS = (f"{NAME}_pulls", f"{NAME}_verdicts")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dit-pulls-") as folder, stand_in() as host:
        root = Path(folder)
        clone = Repository(path=root / "clone")
        demo = prepare(root / "dit" / "demo").path
        subprocess.run(["git", "clone", "--quiet", str(demo), str(clone.path)], check=True)
        with served_remote(root / "remote", clone) as remote, _daemon(root, remote.address, host):
            bad, good, forked = (_on(clone, tag) for tag in ("bug-append-only", "v1-refactored", "bug-append-only"))
            _until("the baseline is taken", lambda: any("/pulls" in asked for asked in host.requests))
            time.sleep(6.0)  # a tick ends after it has asked
            host.open_pull(1)
            remote.open_pull(1, bad)
            _until("the first head runs", lambda: _said(host, bad) == "in_progress")
            remote.open_pull(1, good)
            host.open_pull(2, fork=True, author="eve")
            remote.open_pull(2, forked, fork=True)
            _until("the first head is superseded", lambda: _said(host, bad) == "cancelled")
            _until("the fork's head waits", lambda: _said(host, forked) == "action_required")
            _until("the second head passes", lambda: _said(host, good) == "success")
            host.label(2, "dit-allow")
            _until("the fork's head fails", lambda: _said(host, forked) == "failure")
            _until("each has one comment", lambda: [len(host.texts(number)) for number in (1, 2)] == [1, 1])
            _until("the comment tells what changes", lambda: "#### Against" in host.texts(1)[0])
            print(host.texts(1)[0])
            leaks = [str(file) for file in root.rglob("*") if file.is_file() and host.token in _text(file)]
            found = (leaks, sum(host.token in body for body in host.bodies), host.refused)
            print(f"files with the token, payloads with it, requests that were not valid: {found}")
            if found != ([], 0, []):
                sys.exit(1)
        local_gcp.down(root / "dit" / "local")


def _on(clone: Repository, tag: str) -> str:
    """A commit that the pipeline's own repository does not have yet."""
    clone.git("checkout", "--quiet", "--detach", tag)
    return clone.commit({"note.txt": f"{time.time_ns()}\n"})


def _said(host: StandIn, commit: str) -> str | None:
    checks = [one for one in host.checks.values() if one["head_sha"] == commit]
    return (checks[-1]["conclusion"] or checks[-1]["status"]) if checks else None


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def _until(what: str, seen: Callable[[], bool], seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > until:
            sys.exit(f"not seen within {seconds:g} seconds: {what}")
        time.sleep(1.0)
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


@contextmanager
def _daemon(root: Path, address: str, host: StandIn) -> Iterator[None]:
    """`dagster dev` with both sensors on."""
    environment = _environment(root, address, host)
    dagster = [sys.executable, "-m", "dagster"]
    where = ["-m", "dit_dagster.definitions"]
    subprocess.run([*dagster, "instance", "migrate"], env=environment, cwd=root, check=True, capture_output=True)
    for sensor in SENSORS:
        command = [*dagster, "sensor", "start", sensor, *where]
        subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True)
    with (root / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            [*dagster, "dev", "-p", "0", *where],
            env=environment,
            cwd=root,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60.0)


def _environment(root: Path, address: str, host: StandIn) -> Mapping[str, str]:
    home = root / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    declaration = yaml.safe_load((PROJECT / "dit_dagster" / "defs" / "flight_gaps" / "defs.yaml").read_text())
    declaration["attributes"] |= {
        "name": NAME,
        "window": {"start": "2013-01-01", "end": "2013-01-08"},
        "tail": 1,
        "lookback": 2,
        "outage": None,
        "default_modes": ["bf", "bftruncate"],
        "default_branch": "main",
        "pulls": {"remote": address, "github": SLUG, "seconds": 5},
    }
    file = root / "pipelines" / NAME / "defs.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(declaration, sort_keys=False))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIT_", "DAGSTER_"))}
    return {
        **kept,
        "DAGSTER_HOME": str(home),
        "DIT_HOME": str(root / "dit"),
        "DIT_PIPELINES": str(root / "pipelines"),
        "DIT_GITHUB_TOKEN": host.token,
        "DIT_GITHUB_API": host.address,
    }


if __name__ == "__main__":
    main()
