"""The image of a tree, once: found under the name that says what it holds, or built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from dit_dagster.errors import InfrastructureError
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest
from dit_dagster.model.worker_image import AlreadyThere, Built, CouldNotTell
from dit_dagster.ports import UNKNOWN_ENVIRONMENT, Checkout, Environment, Environments, ImageStore


def ensure_image(images: ImageStore, container: Container, checkout: Checkout) -> AlreadyThere | Built | CouldNotTell:
    """The image of a checkout, which is built only if the store says that there is none.

    EnvironmentFailed if the build fails; UnknownName for a base image that is nowhere.
    """
    name = None
    try:
        name = images.name(container, checkout)
        found = images.find(name)
    except InfrastructureError as error:
        return CouldNotTell(name=name or f"the image of {checkout.commit}", reason=str(error))
    if found is not None:
        return AlreadyThere(name=name, image=found)
    return Built(name=name, image=images.build(container, checkout, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class WithWorkers:
    """The Environments port with the image of Dataflow's workers in each environment, made of the same checkout.

    `container` says how a checkout's image is built. What it is built on is a part of the environment's identity: the
    files are in the tree, the images that they stand on are not.
    """

    environments: Environments
    images: ImageStore
    container: Callable[[Checkout], Container]

    def identity(self, checkout: Checkout, *, may_run_code: bool = True) -> str:
        installed = self.environments.identity(checkout, may_run_code=may_run_code)
        if installed == UNKNOWN_ENVIRONMENT:
            return installed
        return f"{installed} with workers of {self.images.recipe(self.container(checkout), checkout)}"

    def image(self, checkout: Checkout) -> ImageDigest | None:
        return self.environments.image(checkout)

    def ensure(self, checkout: Checkout, say: Callable[[str], None] = lambda _: None) -> Environment:
        environment = self.environments.ensure(checkout, say)
        found = ensure_image(self.images, self.container(checkout), checkout)
        if isinstance(found, CouldNotTell):
            raise InfrastructureError(f"whether there is {found.name} cannot be told: {found.reason}")
        return replace(environment, identity=self.identity(checkout), worker_image=found.name)

    def working_copy(self, environment: Environment) -> AbstractContextManager[Environment]:
        return self.environments.working_copy(environment)

    def altered(self, environment: Environment, shared: Environment) -> tuple[str, ...]:
        return self.environments.altered(environment, shared)
