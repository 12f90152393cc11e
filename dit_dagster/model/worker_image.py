"""What became of asking for the image of a tree. That there is none, and that it cannot be told, are two answers."""

from __future__ import annotations

from dataclasses import dataclass

from dit_dagster.model.identity import ImageDigest, ImageName


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyThere:
    """It was there: nothing was built."""

    name: ImageName
    image: ImageDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """There was none; now there is."""

    name: ImageName
    image: ImageDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """It is declared as published: it is never built here. `name` is what its tag stands for now."""

    name: str
    image: ImageDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class CouldNotTell:
    """Whether there is one is not known, so nothing was built; `reason` says why, and what to do."""

    name: str
    reason: str


WorkerImage = AlreadyThere | Built | Published | CouldNotTell
