"""What a Dockerfile stands on: the images that it names, which the engine would otherwise take by a tag that moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dit_dagster.errors import BadDeclaration
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest, content_hash
from dit_dagster.ports import Checkout

_FROM = re.compile(r"FROM\s+(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(\w+)(?:=(\S*))?", re.IGNORECASE)
_TAKEN_FROM = re.compile(r"(?:COPY|ADD)\s.*?--from=(\S+)|RUN\s.*?--mount=\S*?from=([^,\s]+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


def recipe_of(container: Container, checkout: Checkout, resolve: Callable[[str], ImageDigest]) -> ImageDigest:
    """A hash of how an image is built; `resolve` gives the digests of those that it stands on. Not of the checkout."""
    text = dockerfile_of(container, checkout)
    stands_on = {base: str(resolve(base)) for base in bases(text, container.build_args)}
    how = {"context": container.context, "target": container.target, "build_args": container.build_args}
    return ImageDigest(f"sha256:{content_hash({'dockerfile': text, 'bases': stands_on, **how})}")


def dockerfile_of(container: Container, checkout: Checkout) -> str:
    """Its text: the declaration's own, or a file of the tree. BadDeclaration if there is no such file."""
    if container.recipe is not None:
        return container.recipe
    file = (checkout.directory / str(container.dockerfile)).resolve()
    if not file.is_relative_to(checkout.directory.resolve()) or not file.is_file():
        raise BadDeclaration(f"container.dockerfile: commit {checkout.commit} has no file {container.dockerfile}")
    return file.read_text(encoding="utf-8")


def bases(text: str, build_args: Mapping[str, str]) -> tuple[str, ...]:
    """Every image that a Dockerfile takes something from, each once, in order. BadDeclaration if it cannot be told."""
    arguments: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    found: dict[str, None] = {}
    count = 0
    for line in _instructions(text):
        if (asked := _ARG.fullmatch(line)) is not None and not count:
            arguments[asked[1]] = build_args.get(asked[1], (asked[2] or "").strip("'\""))
        elif (stage := _FROM.match(line)) is not None:
            image = _filled(stage[1], arguments)
            if image.lower() not in stages:
                found[image] = None
            stages |= {str(count), (stage[2] or str(count)).lower()}
            count += 1
        else:
            taken = (_filled(one or other, arguments) for one, other in _TAKEN_FROM.findall(line))
            found |= dict.fromkeys(image for image in taken if image.lower() not in stages)
    if not count:
        raise BadDeclaration("the Dockerfile has no FROM; write one, or name a published image")
    return tuple(found)


def _instructions(text: str) -> list[str]:
    """Logical lines, without comments; a backslash at its end carries a line on."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in re.sub(r"\\[ \t]*\n", " ", kept).splitlines() if line.strip()]


def _filled(image: str, arguments: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        given = arguments.get(found[1] or found[3]) or found[2]
        if not given:
            raise BadDeclaration(
                f"the Dockerfile takes something from {image}, and {found[1] or found[3]} has no value; "
                "give it a default, or declare it in build_args"
            )
        return given

    return _VARIABLE.sub(value, image.strip("'\""))
