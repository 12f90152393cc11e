"""A service of a compose file, as a container."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.compose import container_of_service
from dit_dagster.model.container import Container

FILE = """
services:
  pipeline:
    build: {context: ./app, dockerfile: deploy/Dockerfile, args: [MODE=fast], target: run}
    image: name-of-what-is-built
    entrypoint: python -m "port calls"
    command: [--help]
    environment: {LEVEL: "${LEVEL:-info}", DEBUG: true, PRICE: $$5}
    volumes:
      - gcp:/root/.config
      - ./data:/data:ro
      - {type: volume, source: cache, target: /cache, read_only: true}
    working_dir: /program
    user: "1000:1000"
    network_mode: host
    deploy: {resources: {limits: {cpus: "1.5", memory: 2g}}}
    restart: always
    x-note: ours
  published: {image: "registry.example.org/port-calls:7", mem_limit: 512m, cpus: 2}
volumes:
  gcp: {external: true}
  cache: {name: port-calls-cache}
"""


def service(name: str, text: str = FILE, **declared: Any) -> Container:
    return container_of_service(Container(service=name, **declared), yaml.safe_load(text), where="compose.yaml")


def test_a_service_that_is_built_is_read_whole() -> None:
    """With its build, and how it is run."""
    assert service("pipeline") == Container(
        dockerfile="app/deploy/Dockerfile",
        context="app",
        target="run",
        build_args={"MODE": "fast"},
        entrypoint=("python", "-m", "port calls"),
        environment={"LEVEL": "info", "DEBUG": "true", "PRICE": "$5"},
        volumes=("gcp:/root/.config", "./data:/data:ro", "port-calls-cache:/cache:ro"),
        workdir="/program",
        user="1000:1000",
        network="host",
        cpus=1.5,
        memory="2g",
    )


def test_a_service_with_a_published_image_is_read() -> None:
    """With its limits as they used to be written."""
    image = "registry.example.org/port-calls:7"

    assert service("published") == Container(image=image, memory="512m", cpus=2.0)


def test_the_declaration_overrides_the_file() -> None:
    """Field for field; variables one by one."""
    found = service("published", memory="1g", environment={"LEVEL": "debug"}, user="5")

    assert (found.memory, found.user, found.cpus, found.environment) == ("1g", "5", 2.0, {"LEVEL": "debug"})


@pytest.mark.parametrize(
    ("of", "said"),
    [
        pytest.param({"image": "a", "depends_on": ["db"]}, "services.s.depends_on is not supported", id="another one"),
        pytest.param({"image": "a", "env_file": ".env"}, "services.s.env_file is not supported", id="a file beside it"),
        pytest.param({"image": "a:${TAG}"}, "services.s.image: $TAG has no default", id="the client's variable"),
        pytest.param({"image": "a", "environment": ["TOKEN"]}, "TOKEN has no value in the file", id="its value"),
        pytest.param({"image": "a", "volumes": ["own:/x"]}, "own has a name that depends on", id="compose's name"),
        pytest.param({"build": {"context": ".", "ssh": "default"}}, "build.ssh is not supported", id="of the build"),
        pytest.param({"build": {"context": "../other"}}, "leaves the tree", id="outside of the tree"),
        pytest.param({"image": "a", "user": ["b"]}, "services.s.user: expected a text", id="a list"),
        pytest.param({"image": "a", "deploy": {"replicas": 2}}, "only resources.limits", id="two of it"),
        pytest.param({}, "give one of image, dockerfile", id="no image"),
    ],
)
def test_what_is_not_supported_is_refused(of: dict[str, Any], said: str) -> None:
    """Leaving it out would run something else than the file says."""
    text = yaml.safe_dump({"services": {"s": of}, "volumes": {"own": None}})

    with pytest.raises(BadDeclaration) as caught:
        service("s", text)

    assert said in str(caught.value)


def test_a_service_that_is_not_there_is_named() -> None:
    """With those that are."""
    with pytest.raises(BadDeclaration, match=r"compose\.yaml: no service 'job'; there are pipeline, published"):
        service("job")
