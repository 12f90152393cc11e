"""What is inside an image, read without running it: a container is made, copied from, and removed."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dit_dagster.adapters.docker.engine import Absent, engine_errors, take_away
from dit_dagster.model.identity import ImageDigest
from dit_dagster.ports import Checkout

if TYPE_CHECKING:
    from docker import APIClient


def first_difference(api: APIClient, image: ImageDigest, holds: Mapping[str, str], checkout: Checkout) -> str | None:
    """The first file of the checkout that an image does not have, or has otherwise; None if it holds them all.

    `holds` are places in the image, and what of the tree is there. What else an image has is its own affair.
    """
    with engine_errors(f"what is in image {image}"):
        made = api.create_container(image, command=["-"], labels={"dit": "generated"})
    try:
        for place, path in holds.items():
            wanted = dict(_of_tree(checkout.directory, checkout.directory / path))
            found = _of_image(api, made["Id"], place)
            for name, content in sorted(wanted.items()):
                if found.get(name) != content:
                    state = "is not in it" if name not in found else "is another"
                    return f"{PurePosixPath(place) / name} {state}"
            if not wanted:
                return f"the commit has nothing at {path}, with which {place} could be compared"
    finally:
        take_away(api, made["Id"], f"removing the container that image {image} was read by")
    return None


def _of_tree(root: Path, top: Path) -> Iterator[tuple[str, str]]:
    for file in [top] if top.is_file() else sorted(top.rglob("*")):
        name = file.relative_to(top).as_posix()
        if file.is_symlink():
            yield name, f"link {file.readlink()}"
        elif file.is_file() and file.is_relative_to(root):
            yield name, hashlib.sha256(file.read_bytes()).hexdigest()


def _of_image(api: APIClient, container: str, place: str) -> Mapping[str, str]:
    """Every file at a place of the image, by its path below it; none if there is no such place."""
    found: dict[str, str] = {}
    with tempfile.TemporaryFile() as file:
        try:
            with engine_errors(f"{place} of the image"):
                chunks, _ = api.get_archive(container, place)
                for chunk in chunks:
                    file.write(chunk)
        except Absent:
            return found
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            for one in tar:
                name = "/".join(PurePosixPath(one.name).parts[1:]) or "."
                if one.issym():
                    found[name] = f"link {one.linkname}"
                elif (content := tar.extractfile(one)) is not None:
                    found[name] = hashlib.sha256(content.read()).hexdigest()
    return found
