"""The Containers port: what runs that were killed have left on this machine's engine, found by its label."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from dit_dagster.adapters.docker.engine import connect, engine_errors, engine_is_here, take_away
from dit_dagster.ports import RunContainer

_RUN = "dit_run"


class EngineContainers:
    """Containers of the engine that `variables` lead to."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def of_runs(self) -> tuple[RunContainer, ...]:
        if not engine_is_here(self._variables):
            return ()
        with closing(connect(self._variables)) as client, engine_errors("the containers of runs"):
            found = client.api.containers(all=True, filters={"label": [_RUN, "dit=generated"]})
        return tuple(
            RunContainer(id=one["Id"], name=one["Names"][0].removeprefix("/"), run_id=one["Labels"][_RUN])
            for one in found
        )

    def remove(self, container: RunContainer) -> None:
        with closing(connect(self._variables)) as client:
            take_away(client.api, container.id, f"removing {container.name}")
