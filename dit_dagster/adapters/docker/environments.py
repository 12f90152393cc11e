"""The Environments port on images: a checkout's environment is its image, and nothing is installed beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dit_dagster.adapters.docker.services import effective
from dit_dagster.errors import EnvironmentFailed
from dit_dagster.model.container import REVISION, Container
from dit_dagster.model.identity import ImageDigest, content_hash
from dit_dagster.ports import Checkout, Environment, ImageBuilder


class ContainerEnvironments:
    """The images of a declared container."""

    def __init__(self, images: ImageBuilder, container: Container) -> None:
        self._images = images
        self._container = container

    def identity(self, checkout: Checkout, *, may_run_code: bool = True) -> str:  # noqa: ARG002  # runs none of it
        """What the container is besides its image: of a service, the compose file says it."""
        return f"container-{content_hash(effective(self._container, checkout.directory).identity)[:16]}"

    def image(self, checkout: Checkout) -> ImageDigest:
        container = effective(self._container, checkout.directory)
        if container.is_built:
            return self._images.recipe(container, checkout)
        return self._images.resolve(_reference(container, checkout))

    def ensure(self, checkout: Checkout, say: Callable[[str], None] = lambda _: None) -> Environment:  # noqa: ARG002
        container = effective(self._container, checkout.directory)
        image = self._built(container, checkout) if container.is_built else self._published(container, checkout)
        return Environment(
            directory=checkout.directory,
            binaries=(),
            identity=self.identity(checkout),
            image=image,
            variables=container.environment,
        )

    @contextmanager
    def working_copy(self, environment: Environment) -> Iterator[Environment]:
        yield environment  # each container has a copy of its image

    def altered(self, environment: Environment, shared: Environment) -> tuple[str, ...]:  # noqa: ARG002
        return ()  # an image is never changed: its id is a hash of what it holds

    def _built(self, container: Container, checkout: Checkout) -> ImageDigest:
        return self._images.ensure_built(container, checkout)

    def _published(self, container: Container, checkout: Checkout) -> ImageDigest:
        """An image whose name follows the commit, and that says that it was made from another one, is not run."""
        reference = _reference(container, checkout)
        image = self._images.pulled(self._images.resolve(reference), reference)
        made_from = self._images.labels(image).get(REVISION)
        if container.follows_the_commit and made_from not in (None, checkout.commit):
            raise EnvironmentFailed(
                f"image {reference} says that it was made from {made_from}, not {checkout.commit}; publish it again"
            )
        if container.holds:
            # A label says what somebody wrote; what is inside is what runs.
            differs = self._images.first_difference(image, container.holds, checkout)
            if differs is not None:
                raise EnvironmentFailed(
                    f"image {reference} does not hold commit {checkout.commit}: {differs}; publish it again"
                )
        return image


def _reference(container: Container, checkout: Checkout) -> str:
    return str(container.image).format(commit=checkout.commit, tree=checkout.tree)
