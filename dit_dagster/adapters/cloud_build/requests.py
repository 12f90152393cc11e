"""What Cloud Build is asked to do, as values: pure, and no shell in them.

The fields are those of `Build` in the service's discovery document (cloudbuild v1). Cloud Build fills in `$NAME`
wherever it stands; `$$` is a dollar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageName

JUDGE = "judge"
PROBE = "probe"
WORKSPACE = "/workspace"
TREE, DOCKERFILE = "tree", "dit.Dockerfile"
"""In the archive of a commit: its files, and the Dockerfile that they are built by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """An object of a bucket that holds an archive, in exactly that generation."""

    bucket: str
    name: str
    generation: int

    @property
    def request(self) -> Mapping[str, Any]:
        stored = {"bucket": self.bucket, "object": self.name, "generation": str(self.generation)}
        return {"storageSource": stored}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlace:
    """Whose build it is, and how long it may take."""

    service_account: str | None = None
    seconds: int = 7200


def image_request(
    container: Container,
    name: ImageName,
    labels: Mapping[str, str],
    source: StoredSource,
    *,
    kaniko: str,
    place: BuildPlace,
    tags: Sequence[str] = (),
) -> Mapping[str, Any]:
    """A build of the image of a tree by kaniko, which pushes it under `name`."""
    step = {
        "id": "image",
        "name": kaniko,
        "args": [_literal(one) for one in _kaniko_arguments(container, name, labels)],
    }
    return {"source": source.request, "steps": [step], **_common(place, tags)}


def _kaniko_arguments(container: Container, name: ImageName, labels: Mapping[str, str]) -> Iterator[str]:
    context = "" if container.context == "." else f"/{container.context}"
    yield f"--context=dir://{WORKSPACE}/{TREE}{context}"
    yield f"--dockerfile={WORKSPACE}/{DOCKERFILE}"
    yield f"--destination={name}"
    if container.target is not None:
        yield f"--target={container.target}"
    for key, value in sorted(container.build_args.items()):
        yield f"--build-arg={key}={value}"
    for key, value in sorted(labels.items()):
        yield f"--label={key}={value}"


def run_request(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    source: StoredSource,
    *,
    image: str,
    place: BuildPlace,
    tags: Sequence[str] = (),
) -> Mapping[str, Any]:
    """A build that looks who it is, and then runs `dit ARGUMENTS` with these variables."""
    env = [_literal(f"{name}={value}") for name, value in sorted(variables.items())]
    steps = [
        {"id": PROBE, "name": image, "args": ["cloud", "whoami", "--for", "run"], "env": env},
        {"id": JUDGE, "name": image, "args": [_literal(one) for one in arguments], "env": env, "waitFor": [PROBE]},
    ]
    return {"source": source.request, "steps": steps, **_common(place, tags)}


def _common(place: BuildPlace, tags: Sequence[str]) -> Mapping[str, Any]:
    account = {"serviceAccount": place.service_account} if place.service_account is not None else {}
    return {
        "timeout": f"{place.seconds}s",
        "tags": list(tags),
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
        **account,
    }


def _literal(text: str) -> str:
    """Text as it stands: Cloud Build would take a dollar for a substitution."""
    return text.replace("$", "$$")
