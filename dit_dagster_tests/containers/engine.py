"""A container engine of the tests' own, and a base image made of this machine's files: nothing is pulled.

The engine has its own folders, socket and containers, so that tests may end it and start it again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from dit_dagster_tests.containers.base_image import base_image

WITHOUT = "DIT_WITHOUT_ENGINE"
BASE = "dit-test-base:1"
# A busy machine is slow, not wrong: these are for what never happens.
_SECONDS = 300.0
_LOOKS = 20


@dataclass(slots=True, kw_only=True)
class Engine:
    """A dockerd that listens on a socket in `folder`."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def new(cls, folder: Path) -> Engine:
        return cls(folder=folder, process=_started(folder))

    @property
    def variables(self) -> Mapping[str, str]:
        """What leads a client here."""
        return {**os.environ, "DOCKER_HOST": f"unix://{_socket(self.folder)}"}

    @property
    def api(self) -> Any:
        return docker.from_env(environment=dict(self.variables), version="auto", timeout=int(_SECONDS)).api

    def containers(self) -> list[str]:
        """Every container that is there, ended or not."""
        return sorted(one["Names"][0].removeprefix("/") for one in self.api.containers(all=True))

    def volumes_and_networks(self) -> set[str]:
        """Every volume, and every network besides those that an engine always has."""
        volumes = {one["Name"] for one in self.api.volumes()["Volumes"] or ()}
        return volumes | {one["Name"] for one in self.api.networks()} - {"host", "none", "bridge"}

    def running(self) -> str:
        """The id of a container that runs, once there is one."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            found = self.api.containers()
            if found:
                return str(found[0]["Id"])
            time.sleep(0.05)
        raise AssertionError("no container was started")

    def restart(self) -> None:
        """End the engine, and its containers with it, and start it again."""
        self.stop()
        self.process = _started(self.folder)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(_SECONDS)


def _remove(folder: Path) -> None:
    """An engine's folder, once it was stopped. What a shim of its still has open or mounted is waited for."""
    for last in (False,) * _LOOKS + (True,):
        # The host's network stays mounted, if a container had it: the folder could not be removed.
        for mounted in _mounted_below(folder):
            subprocess.run(["umount", "--lazy", mounted], stderr=subprocess.DEVNULL)
        try:
            shutil.rmtree(folder)
        except OSError:
            if last:
                raise
            time.sleep(0.5)
        else:
            return


def _mounted_below(folder: Path) -> list[str]:
    """Innermost first."""
    places = [line.split(" ")[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted((place for place in places if place.startswith(f"{folder}/")), reverse=True)


def _socket(folder: Path) -> Path:
    return folder / "engine.sock"


def _started(folder: Path) -> subprocess.Popen[bytes]:
    """No bridge and no rules for packets: nothing outside of the folder is changed, and two engines do not meet."""
    program = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert program is not None
    command = [program, "--host", f"unix://{_socket(folder)}", "--data-root", str(folder / "data")]
    command += ["--exec-root", str(folder / "exec"), "--pidfile", str(folder / "engine.pid")]
    command += ["--bridge", "none", "--iptables=false", "--ip6tables=false"]
    log = (folder / "log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
            docker.DockerClient(base_url=f"unix://{_socket(folder)}").ping()
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"dockerd does not start: {(folder / 'log').read_text(errors='replace')[-1500:]}")


def _missing() -> str | None:
    """Why there can be no engine here."""
    if shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        return "dockerd is not installed (Debian: docker.io)"
    return None if os.geteuid() == 0 else "dockerd needs root"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with the base image. Tests that need one fail without, unless somebody says that there is none."""
    missing = _missing()
    if missing is not None and os.environ.get(WITHOUT) == "1":
        pytest.skip(f"{WITHOUT}=1: {missing}")
    assert missing is None, f"{missing}; {WITHOUT}=1 leaves the tests of containers out"
    # Not in pytest's folder: the path of a socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="dit-engine-"))
    try:
        made = Engine.new(folder)
        try:
            with base_image() as archive:
                made.api.import_image_from_file(str(archive), repository="dit-test-base", tag="1")
            yield made
        finally:
            made.stop()
    finally:
        _remove(folder)
