"""One service of a compose file as a container. What could change a run and is not supported is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.container import Container

_WITHOUT_EFFECT = frozenset(
    {
        "command",
        "container_name",
        "restart",
        "tty",
        "stdin_open",
        "labels",
        "profiles",
        "logging",
        "pull_policy",
        "init",
    }
)
"""They say nothing of a step that runs once: its command is the declaration's, and its container is removed."""
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)")


def container_of_service(container: Container, document: Any, *, where: str) -> Container:
    """The service that `container` names, as far as it says nothing else itself. BadDeclaration names the field."""
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, dict) or container.service not in services:
        there = ", ".join(map(str, services or ())) or "none"
        raise BadDeclaration(f"{where}: no service {container.service!r}; there are {there}")
    here = f"{where}: services.{container.service}"
    found: dict[str, Any] = {}
    for name, value in (services[container.service] or {}).items():
        if name in _WITHOUT_EFFECT or str(name).startswith("x-"):
            continue
        if name not in _READ:
            raise BadDeclaration(f"{here}.{name} is not supported; these are: {', '.join(sorted(_READ))}")
        found |= _READ[name](_filled(value, f"{here}.{name}"), f"{here}.{name}")
    if "dockerfile" in found:  # then `image` is compose's name for what it builds, which means nothing here
        found.pop("image", None)
    found["volumes"] = _named_volumes(found.get("volumes", ()), document, here)
    own = container.model_dump(exclude={"service", "compose"}, exclude_unset=True)
    merged = {**found, **own, "environment": {**found.get("environment", {}), **container.environment}}
    try:
        return Container.model_validate(merged)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise BadDeclaration(f"{here}: {field}: {problem['msg'].removeprefix('Value error, ')}") from error


def _filled(value: Any, here: str) -> Any:
    """Variables by their defaults: what the client's environment holds is not part of a commit."""
    if isinstance(value, dict):
        return {name: _filled(one, here) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, here) for one in value]
    if not isinstance(value, str):
        return value

    def default(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found[2] is None:
            name = found[1] or found[3]
            raise BadDeclaration(f"{here}: ${name} has no default in the file; the container does not get the client's")
        return found[2]

    return _VARIABLE.sub(default, value)


def _image(value: Any, here: str) -> dict[str, Any]:
    return {"image": _text(value, here).replace("{", "{{").replace("}", "}}")}


def _build(value: Any, here: str) -> dict[str, Any]:
    declared = {"context": value} if isinstance(value, str) else _mapping(value, here)
    unknown = sorted(set(declared) - {"context", "dockerfile", "args", "target"})
    if unknown:
        raise BadDeclaration(f"{here}.{unknown[0]} is not supported; supported: context, dockerfile, args, target")
    context = _text(declared.get("context", "."), here).removeprefix("./").rstrip("/") or "."
    dockerfile = _text(declared.get("dockerfile", "Dockerfile"), here).removeprefix("./")
    return {
        "context": context,
        "dockerfile": dockerfile if context == "." else f"{context}/{dockerfile}",
        "target": declared.get("target"),
        "build_args": _pairs(declared.get("args", {}), f"{here}.args"),
    }


def _environment(value: Any, here: str) -> dict[str, Any]:
    return {"environment": _pairs(value, here)}


def _entrypoint(value: Any, here: str) -> dict[str, Any]:
    import shlex

    return {"entrypoint": shlex.split(value) if isinstance(value, str) else [_text(part, here) for part in value or ()]}


def _volumes(value: Any, here: str) -> dict[str, Any]:
    return {"volumes": [_volume(one, here) for one in value or ()]}


def _volume(value: Any, here: str) -> str:
    if isinstance(value, str):
        return value
    declared = _mapping(value, here)
    if declared.get("type") not in ("bind", "volume") or set(declared) - {"type", "source", "target", "read_only"}:
        raise BadDeclaration(
            f"{here}: a volume has type (bind, volume), source, target and read_only; found {declared}"
        )
    return f"{declared.get('source')}:{declared.get('target')}{':ro' if declared.get('read_only') else ''}"


def _resources(value: Any, here: str) -> dict[str, Any]:
    limits = _mapping(_mapping(value, here).get("resources", {}), here).get("limits", {})
    rest = set(_mapping(value, here)) - {"resources"}
    if rest or set(_mapping(limits, here)) - {"cpus", "memory"}:
        raise BadDeclaration(f"{here}: only resources.limits.cpus and .memory are supported")
    return {
        **({"cpus": float(limits["cpus"])} if "cpus" in limits else {}),
        **({"memory": str(limits["memory"])} if "memory" in limits else {}),
    }


def _plain(field: str) -> Callable[[Any, str], dict[str, Any]]:
    return lambda value, here: {field: _text(value, here)}


_READ: Mapping[str, Callable[[Any, str], dict[str, Any]]] = {
    "image": _image,
    "build": _build,
    "environment": _environment,
    "entrypoint": _entrypoint,
    "volumes": _volumes,
    "deploy": _resources,
    "working_dir": _plain("workdir"),
    "user": _plain("user"),
    "network_mode": _plain("network"),
    "mem_limit": _plain("memory"),
    "cpus": lambda value, here: {"cpus": float(_text(value, here))},
}


def _named_volumes(volumes: Any, document: Mapping[str, Any], here: str) -> list[str]:
    """Volumes by the names that the engine knows: compose puts its project's name before those that it makes itself."""
    declared = document.get("volumes") or {}
    found = []
    for volume in volumes:
        source, _, rest = volume.partition(":")
        if source in declared:
            of_volume = declared[source] or {}
            name = of_volume.get("name") or (source if of_volume.get("external") else None)
            if name is None:
                raise BadDeclaration(
                    f"{here}.volumes: {source} has a name that depends on compose's project; make it `external: true`, "
                    "or give it a `name`"
                )
            source = name
        found.append(f"{source}:{rest}")
    return found


def _pairs(value: Any, here: str) -> dict[str, str]:
    """A mapping, or a list of NAME=VALUE. A name alone would be the client's value: a step's `secrets` are for that."""
    if isinstance(value, list):
        split = [str(one).partition("=") for one in value]
        given: dict[str, Any] = {name: text if equals else None for name, equals, text in split}
    else:
        given = dict(_mapping(value, here))
    alone = next((name for name, one in given.items() if one is None), None)
    if alone is not None:
        raise BadDeclaration(f"{here}: {alone} has no value in the file; name it under `secrets` of the steps")
    return {str(name): _text(one, here) for name, one in given.items()}


def _mapping(value: Any, here: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadDeclaration(f"{here}: expected a mapping, found {value!r}")
    return value


def _text(value: Any, here: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise BadDeclaration(f"{here}: expected a text, found {value!r}")
    return str(value)
