"""The ImageBuilder port on the engine.

A tag is taken as the engine has it; one that it does not have is asked for at its registry. What is built carries a
label that says from what, so that it is found again and never taken for something else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dit_dagster.adapters.docker.contents import first_difference
from dit_dagster.adapters.docker.dockerfile import bases, dockerfile_of, recipe_of
from dit_dagster.adapters.docker.engine import Absent, connect, engine_errors
from dit_dagster.adapters.docker.naming import is_of, labels_of, tree_name
from dit_dagster.adapters.docker.used_images import UsedImages
from dit_dagster.errors import EnvironmentFailed, UnknownName
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest, ImageName
from dit_dagster.ports import Checkout

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "dit-built"
_LAST_LINES = 6


class EngineImages:
    """Images of the engine that `variables` lead to. Builds reach what `network` reaches.

    With a `home`, what was built is noted there when it is used, so that the clean-up finds what no longer is.
    """

    def __init__(self, variables: Mapping[str, str], *, network: str, home: Path | None = None) -> None:
        self._variables = variables
        self._network = network
        self._used = UsedImages(home, variables) if home is not None else None

    def resolve(self, reference: str) -> ImageDigest:
        with self._api() as api:
            return _resolve(api, reference)

    def pulled(self, digest: ImageDigest, reference: str) -> ImageDigest:
        with self._api() as api:
            return _pulled(api, digest, reference)

    def labels(self, image: ImageDigest) -> Mapping[str, str]:
        with self._api() as api, engine_errors(f"image {image}"):
            return _labels(api.inspect_image(image))

    def first_difference(self, image: ImageDigest, holds: Mapping[str, str], checkout: Checkout) -> str | None:
        with self._api() as api:
            return first_difference(api, image, holds, checkout)

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        with self._api() as api:
            return self._recipe(api, container, checkout)

    def ensure_built(self, container: Container, checkout: Checkout) -> ImageDigest:
        name = self.name(container, checkout)
        return self.find(name) or self.build(container, checkout, name)

    def name(self, container: Container, checkout: Checkout) -> ImageName:
        return tree_name(REPOSITORY, self.recipe(container, checkout), checkout)

    def find(self, name: ImageName) -> ImageDigest | None:
        with self._used.held(name) if self._used is not None else nullcontext():
            with self._api() as api:
                found = _inspected(api, name)
            # Anybody can give an image any tag; what it was built from stands in it.
            if found is None or not is_of(_labels(found), name):
                return None
            if self._used is not None:
                self._used.note(name, found["Size"])
            return ImageDigest(found["Id"])

    def build(self, container: Container, checkout: Checkout, name: ImageName) -> ImageDigest:
        with self._api() as api:
            self._build(api, container, checkout, name, labels_of(name))
        found = self.find(name)
        if found is None:
            raise EnvironmentFailed(f"the image of {checkout.commit} is not the one that was built; run again")
        return found

    @contextmanager
    def _api(self) -> Iterator[APIClient]:
        with closing(connect(self._variables)) as client:
            yield client.api

    def _recipe(self, api: APIClient, container: Container, checkout: Checkout) -> ImageDigest:
        return recipe_of(container, checkout, lambda base: _resolve(api, base))

    def _build(
        self, api: APIClient, container: Container, checkout: Checkout, tag: str, labels: Mapping[str, str]
    ) -> None:
        text = dockerfile_of(container, checkout)
        for base in bases(text, container.build_args):
            _hold(api, base)
        said: list[str] = []
        with (
            tempfile.NamedTemporaryFile("w", prefix="dit-", suffix=".Dockerfile", encoding="utf-8") as file,
            engine_errors(f"building the image of {checkout.commit}"),
        ):
            file.write(text)
            file.flush()
            for chunk in api.build(
                path=str(checkout.directory / container.context),
                dockerfile=file.name,
                tag=tag,
                labels=dict(labels),
                buildargs=dict(container.build_args),
                target=container.target,
                network_mode=self._network,
                rm=True,
                forcerm=True,
                decode=True,
            ):
                said.extend(str(chunk.get("stream", "")).splitlines())
                if "error" in chunk:
                    last = " / ".join(one.strip() for one in [*said[-_LAST_LINES:], chunk["error"]] if one.strip())
                    raise EnvironmentFailed(f"the image of {checkout.commit} could not be built: {last}")


def _resolve(api: APIClient, reference: str) -> ImageDigest:
    repository, _, digest = reference.partition("@")
    if digest:
        return ImageDigest(digest)
    found = _inspected(api, reference)
    if found is not None:
        return _published(found, reference) or ImageDigest(found["Id"])
    try:
        with engine_errors(f"image {reference}: the engine does not have it, and its registry cannot be asked"):
            return ImageDigest(api.inspect_distribution(repository)["Descriptor"]["digest"])
    except Absent as error:
        raise UnknownName(f"no image {reference}: neither the engine nor its registry has it; publish it") from error


def _published(found: Mapping[str, Any], reference: str) -> ImageDigest | None:
    """The digest by which its repository knows it, as other machines do. None if it was made here."""
    repository = _repository(reference)
    digests = [str(one).partition("@") for one in found.get("RepoDigests") or ()]
    return next((ImageDigest(digest) for name, _, digest in digests if name == repository), None)


def _pulled(api: APIClient, digest: ImageDigest, reference: str) -> ImageDigest:
    exact = f"{_repository(reference)}@{digest}"
    found = _inspected(api, exact) or _inspected(api, digest)
    if found is None:
        with engine_errors(f"pulling {exact}"):
            api.pull(exact)
        found = _inspected(api, exact)
    if found is None:
        raise EnvironmentFailed(f"image {exact} was pulled, and the engine does not have it; run again")
    return ImageDigest(found["Id"])


def _hold(api: APIClient, base: str) -> None:
    """Give the engine a base under the tag that a Dockerfile asks for, as it was resolved: the build finds that one."""
    if "@" in base or _inspected(api, base) is not None:
        return
    image = _pulled(api, _resolve(api, base), base)
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(base)
    with engine_errors(f"image {base}"):
        api.tag(image, repository, tag or "latest")


def _repository(reference: str) -> str:
    from docker.utils import parse_repository_tag

    repository, _ = parse_repository_tag(reference.partition("@")[0])
    return str(repository)


def _inspected(api: APIClient, name: str) -> Mapping[str, Any] | None:
    """What the engine knows of an image; None if it has none of that name."""
    try:
        with engine_errors(f"image {name}"):
            found: Mapping[str, Any] = api.inspect_image(name)
            return found
    except Absent:
        return None


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    return (found.get("Config") or {}).get("Labels") or {}
