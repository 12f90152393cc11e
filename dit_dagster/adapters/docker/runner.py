"""The PipelineRunner port on containers: each step in one of its own, which is removed however the step ends.

The engine may stop answering while a container runs: it is asked again for a while, and its output is read again from
the beginning, past the lines that were told. How it ended is the engine's word, never a guess: a container that was
killed, or told to end, by somebody else has failed, even if its program then exits with 0.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dit_dagster.adapters.docker.engine import Absent, Lost, connect, engine_errors, take_away
from dit_dagster.adapters.docker.fate import fate
from dit_dagster.adapters.docker.output import Output
from dit_dagster.adapters.docker.services import effective
from dit_dagster.errors import EngineError, StepFailed
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import Exit, Invocation

if TYPE_CHECKING:
    from docker import APIClient

_GRACE_SECONDS = 5
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0
_NOT_STARTED = (126, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlace:
    """What containers are given on this machine: a network, and files that must be found where variables say."""

    network: str = "host"
    mounts: tuple[Path, ...] = ()


class ContainerRunner:
    """Runs a step as `container` declares it, on the engine that `variables` lead to."""

    def __init__(self, variables: Mapping[str, str], container: Container, place: ContainerPlace) -> None:
        self._variables = variables
        self._container = container
        self._place = place

    def run(self, invocation: Invocation, *, line: Callable[[str], None], stopped: Callable[[], bool]) -> Exit:
        with closing(connect(self._variables)) as client:
            return self._run(client.api, invocation, line, stopped)

    def _run(
        self, api: APIClient, invocation: Invocation, line: Callable[[str], None], stopped: Callable[[], bool]
    ) -> Exit:
        name = f"dit-{secrets.token_hex(8)}"
        started = time.monotonic()
        output = Output(api, name, line)
        try:
            self._start(api, name, invocation)
            output.start()
            watch = _Watch(api=api, name=name, stopped=stopped)
            state = watch.until_it_ends()
            output.finish()
            return _ended(api, invocation, state, watch, output, time.monotonic() - started)
        finally:
            output.abandon()
            _remove(api, name)

    def _start(self, api: APIClient, name: str, invocation: Invocation) -> None:
        declared = effective(self._container, invocation.directory)
        if invocation.image is None:
            raise StepFailed("there is no image to run the step in; the environment was not made for containers")
        entrypoint, command = _command(declared, invocation)
        with engine_errors(f"starting {invocation.arguments[0]!r} in a container"):
            api.create_container(
                invocation.image,
                command=command,
                entrypoint=entrypoint,
                name=name,
                environment=dict(invocation.variables),
                working_dir=declared.workdir,
                user=declared.user,
                labels={"dit": "generated", **invocation.labels},
                use_config_proxy=False,
                host_config=api.create_host_config(
                    binds=[*_binds(declared, invocation.directory), *(f"{one}:{one}:ro" for one in self._place.mounts)],
                    network_mode=declared.network or self._place.network,
                    mem_limit=declared.memory,
                    memswap_limit=declared.memory,
                    nano_cpus=int(declared.cpus * 1e9) if declared.cpus is not None else None,
                    init=True,  # a program that runs as process 1 would get no signals
                    log_config={
                        "Type": "json-file",
                        "Config": {},
                    },  # whatever the engine's default is, this can be read
                ),
            )
            api.start(name)


def _command(declared: Container, invocation: Invocation) -> tuple[list[str] | None, list[str]]:
    """The entrypoint, None for the image's own, and what follows it."""
    program, *rest = invocation.arguments
    if invocation.bare:
        return [program], rest
    if declared.entrypoint is None:
        return None, [program, *rest]
    return list(declared.entrypoint) or [""], [program, *rest]


def _binds(declared: Container, checkout: Path) -> Sequence[str]:
    """Volumes as the engine takes them. The tree's own files are shared with other steps, and stay as they are."""
    found = []
    for volume in declared.volumes:
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            found.append(f"{checkout / source}:{target}:ro")
        else:
            place = Path(source).expanduser() if source.startswith("~") else source
            found.append(":".join([str(place), target, *mode]))
    return found


class _Watch:
    """Waits for the container's end, and ends it when it is asked to. `lost`: the engine was away in between."""

    def __init__(self, *, api: APIClient, name: str, stopped: Callable[[], bool]) -> None:
        self._api = api
        self._name = name
        self._stopped = stopped
        self.lost = False
        self.asked = False

    def until_it_ends(self) -> Mapping[str, Any]:
        """What the engine says of the container once it has ended. EngineError if the engine does not come back."""
        answered = time.monotonic()
        while True:
            try:
                if self._stopped() and not self.asked:
                    self._end()
                with engine_errors("the step's container"):
                    found: Mapping[str, Any] = self._api.inspect_container(self._name)
                if found["State"]["Status"] in ("exited", "dead"):
                    return found
                answered = time.monotonic()
            except Absent as error:
                raise StepFailed("the step's container was removed from elsewhere while it ran") from error
            except Lost as error:
                self.lost = True
                if time.monotonic() - answered > _PATIENCE_SECONDS:
                    raise EngineError(
                        f"{error}; container {self._name} may still run: 'dit gc' removes it once the engine is back"
                    ) from error
            time.sleep(_POLL_SECONDS)

    def _end(self) -> None:
        """Ask it to end; after a while, the engine ends it."""
        with engine_errors("ending the step's container"):
            self._api.stop(self._name, timeout=_GRACE_SECONDS)
        self.asked = True


def _ended(
    api: APIClient, invocation: Invocation, found: Mapping[str, Any], watch: _Watch, output: Output, seconds: float
) -> Exit:
    image, code = ImageDigest(found["Image"]), int(found["State"]["ExitCode"])
    if image != invocation.image:
        raise StepFailed(f"the engine ran image {image}, not {invocation.image}; run again")
    if watch.asked:
        return Exit(code=128 - code if code > 128 else code, seconds=seconds, image=image)
    if code in _NOT_STARTED and output.last.startswith("[FATAL tini"):
        raise StepFailed(
            f"cannot start {invocation.arguments[0]!r}: {output.last}; "
            "check the step's command in defs.yaml and what the image holds"
        )
    return Exit(code=code, seconds=seconds, reason=fate(api, found, lost=watch.lost or output.lost), image=image)


def _remove(api: APIClient, name: str) -> None:
    """Whatever became of it. An engine that is away is waited for; what it has even then, `dit gc` finds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            take_away(api, name, "removing the step's container")
        except Lost:
            if time.monotonic() < deadline:
                time.sleep(5 * _POLL_SECONDS)
                continue
        except EngineError:  # what became of the step matters more
            return
        return
