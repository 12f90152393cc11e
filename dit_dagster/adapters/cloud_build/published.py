"""The ImageBuilder port where images of trees are built in the cloud: the engine gets them from the registry."""

from __future__ import annotations

from collections.abc import Mapping

from dit_dagster.adapters.cloud_build.images import KanikoImages
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import Checkout, ImageBuilder


class ImagesFromTheCloud:
    """What is published is `engine`'s affair; what is built is built by `cloud`, and pulled."""

    def __init__(self, engine: ImageBuilder, cloud: KanikoImages) -> None:
        self._engine = engine
        self._cloud = cloud

    def resolve(self, reference: str) -> ImageDigest:
        return self._engine.resolve(reference)

    def pulled(self, digest: ImageDigest, reference: str) -> ImageDigest:
        return self._engine.pulled(digest, reference)

    def labels(self, image: ImageDigest) -> Mapping[str, str]:
        return self._engine.labels(image)

    def first_difference(self, image: ImageDigest, holds: Mapping[str, str], checkout: Checkout) -> str | None:
        return self._engine.first_difference(image, holds, checkout)

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        return self._cloud.recipe(container, checkout)

    def ensure_built(self, container: Container, checkout: Checkout) -> ImageDigest:
        name = self._cloud.name(container, checkout)
        digest = self._cloud.find(name) or self._cloud.build(container, checkout, name)
        return self._engine.pulled(digest, name)
