"""The name of a tree's image, and the labels by which it is known for what it is, wherever it was built."""

from __future__ import annotations

from collections.abc import Mapping

from dit_dagster.model.container import BUILT_FROM
from dit_dagster.model.identity import ImageDigest, ImageName, content_hash
from dit_dagster.ports import Checkout


def tree_name(repository: str, recipe: ImageDigest, checkout: Checkout) -> ImageName:
    """The name in `repository` of the image that a recipe makes of a checkout."""
    # Equal subtrees do not make equal images: what is built from is the whole checkout.
    return ImageName(f"{repository}:{content_hash([recipe, checkout.tree, checkout.directory.name])}")


def labels_of(name: ImageName) -> Mapping[str, str]:
    """What the image under that name says of itself."""
    return {"dit": "generated", BUILT_FROM: _key(name)}


def is_of(labels: Mapping[str, str], name: ImageName) -> bool:
    """Whether an image with these labels was built to be under that name."""
    return labels.get(BUILT_FROM) == _key(name)


def _key(name: ImageName) -> str:
    return name.rpartition(":")[2]
