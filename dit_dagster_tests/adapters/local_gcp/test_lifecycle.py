from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.local_gcp import Broken, LocalCloudError, Ports, Running, Stopped, state
from dit_dagster.adapters.local_gcp.cloud import CREDENTIALS_FILE

UP = (
    "import sys; from pathlib import Path; "
    "from dit_dagster.adapters import local_gcp; print(local_gcp.up(Path(sys.argv[1])).pid)"
)
SECONDS = 120.0


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory whose cloud is stopped afterwards."""
    yield tmp_path / "cloud"
    local_gcp.down(tmp_path / "cloud")


def servers(pid: int) -> dict[str, int]:
    """The processes of a supervisor, by the module that they run."""
    listed = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    found = re.findall(r"^ *(\d+) .* -m dit_dagster\.adapters\.local_gcp\.(\w+)", listed.stdout, re.MULTILINE)
    assert len(found) == len(listed.stdout.splitlines()), listed.stdout
    return {module: int(child) for child, module in found}


def alive(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")


def becomes(condition: object) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_life(directory: Path) -> None:
    """Stopped, running, the same one again, data kept over a restart, stopped; the key is for the owner only."""
    assert local_gcp.status(directory) == Stopped()
    cloud = local_gcp.up(directory)
    assert local_gcp.status(directory) == Running(cloud=cloud)
    assert local_gcp.up(directory) == cloud
    assert ((directory / CREDENTIALS_FILE).stat().st_mode & 0o777) == 0o600
    key = json.loads((directory / CREDENTIALS_FILE).read_text())["private_key"]
    assert (local_gcp.down(directory), local_gcp.down(directory)) == (True, False)
    assert local_gcp.status(directory) == Stopped()
    again = local_gcp.up(directory)
    assert again.pid != cloud.pid
    assert json.loads((directory / CREDENTIALS_FILE).read_text())["private_key"] == key


def test_two_at_once_get_one(directory: Path) -> None:
    """Two processes that start it together share one, which outlives both."""

    def start() -> int:
        return int(subprocess.run([sys.executable, "-c", UP, str(directory)], capture_output=True, check=True).stdout)

    with ThreadPoolExecutor() as pool:
        one, other = pool.map(lambda _: start(), range(2))
    found = local_gcp.status(directory)

    assert one == other
    assert isinstance(found, Running)
    assert found.cloud.pid == one


def test_a_killed_server_takes_the_rest_with_it(directory: Path) -> None:
    """SIGKILL of one server stops the others; the next `up` starts anew."""
    first = local_gcp.up(directory)
    children = servers(first.pid)
    os.kill(children["launcher"], signal.SIGKILL)

    assert becomes(lambda: local_gcp.status(directory) == Stopped())
    assert children.keys() == {"storage", "launcher"}
    assert not alive(children["storage"])
    assert local_gcp.up(directory).pid != first.pid


def test_a_killed_supervisor_leaves_no_orphans(directory: Path) -> None:
    """SIGKILL of the supervisor ends its servers; what is left is noticed, and repaired by the next `up`."""
    first = local_gcp.up(directory)
    children = servers(first.pid).values()
    os.kill(first.pid, signal.SIGKILL)

    assert len(children) == 2
    assert becomes(lambda: not any(alive(child) for child in children))
    assert isinstance(local_gcp.status(directory), Broken)
    assert local_gcp.up(directory).pid != first.pid


def test_dataflow_starts_with_its_first_client(directory: Path) -> None:
    """A cloud that runs no job has no process for it; its address is known all the same, and it ends with the rest."""
    cloud = local_gcp.up(directory)
    before = servers(cloud.pid)
    with urllib.request.urlopen(f"{cloud.dataflow}/healthz") as answer:
        said = json.load(answer)
    started = servers(cloud.pid)
    local_gcp.down(directory)

    assert (set(started) - set(before), said) == ({"dataflow"}, {"status": "ok"})
    assert becomes(lambda: not any(alive(child) for child in started.values()))


def test_a_state_file_of_another_life_is_noticed(tmp_path: Path) -> None:
    """After a reboot the file is there and its pid belongs to a stranger: not running, and nobody is harmed."""
    stranger = local_gcp.LocalCloud(
        rest="http://127.0.0.1:1",
        grpc="127.0.0.1:1",
        storage="http://127.0.0.1:1",
        token="http://127.0.0.1:1/token",
        dataflow="http://localhost:1",
        project="p",
        pid=os.getpid(),
        directory=tmp_path,
    )
    state.write(stranger)

    assert isinstance(local_gcp.status(tmp_path), Broken)
    assert local_gcp.down(tmp_path) is False
    assert local_gcp.status(tmp_path) == Stopped()


def test_an_unreadable_state_file_is_broken(tmp_path: Path) -> None:
    """Half a file is not taken for a cloud."""
    (tmp_path / state.STATE_FILE).write_text('{"rest": ')

    assert isinstance(local_gcp.status(tmp_path), Broken)


def test_a_taken_port_is_said(directory: Path) -> None:
    """A fixed port that somebody else has is named, with what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalCloudError, match=f"port {port} for BigQuery's REST API is taken") as caught:
            local_gcp.up(directory, ports=Ports(rest=port))

    assert "leave it at 0 for any free port" in str(caught.value)
    assert local_gcp.status(directory) == Stopped()


def test_another_project_is_refused(directory: Path) -> None:
    """A cloud that runs for one project is not handed out for another."""
    local_gcp.up(directory)
    with pytest.raises(LocalCloudError, match="runs for project 'ditlocal', not 'other'"):
        local_gcp.up(directory, project="other")


def test_it_is_quick_to_import() -> None:
    """Nothing heavy is imported before it is needed."""
    heavy = "{'bqemulator', 'duckdb', 'fastapi', 'pandas', 'google.cloud.bigquery', 'cryptography', 'numpy', 'pyarrow'}"
    code = f"import sys, dit_dagster.adapters.local_gcp; print({heavy} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "set()"
