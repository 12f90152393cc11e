"""The ImageStore port on Cloud Build: images of trees in a repository of a registry, built there by kaniko."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.adapters.cloud_build.archive import packed
from dit_dagster.adapters.cloud_build.bucket import SourceBucket
from dit_dagster.adapters.cloud_build.builds import CloudBuilds
from dit_dagster.adapters.cloud_build.requests import DOCKERFILE, TREE, BuildPlace, image_request
from dit_dagster.adapters.docker.dockerfile import dockerfile_of, recipe_of
from dit_dagster.adapters.docker.naming import is_of, labels_of, tree_name
from dit_dagster.adapters.image_registry import ImageRegistry
from dit_dagster.adapters.secret_scan import Scan
from dit_dagster.errors import EnvironmentFailed, InfrastructureError, Interrupted, UnknownName, UsageError
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest, ImageName
from dit_dagster.ports import Checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What a build of an image needs around it. `scan` looks for secrets in what is sent; None: it did not."""

    repository: str
    registry: ImageRegistry
    builds: Callable[[], CloudBuilds]
    bucket: Callable[[], SourceBucket]
    kaniko: str
    place: BuildPlace
    scan: Callable[[Mapping[str, bytes]], Scan | None]


class KanikoImages:
    """Images of trees in a repository that a registry keeps. Nothing but a build costs anything."""

    def __init__(self, premises: Premises, *, stopped: Callable[[], bool] = lambda: False) -> None:
        self._premises = premises
        self._stopped = stopped

    def recipe(self, container: Container, checkout: Checkout) -> ImageDigest:
        """The recipe, of which every base image is known by the digest that its registry has now."""
        return recipe_of(container, checkout, self._resolve)

    def name(self, container: Container, checkout: Checkout) -> ImageName:
        return tree_name(self._premises.repository, self.recipe(container, checkout), checkout)

    def find(self, name: ImageName) -> ImageDigest | None:
        found = self._premises.registry.digest(name)
        if found is not None and not is_of(self._premises.registry.labels(name, found), name):
            raise InfrastructureError(
                f"{name} is not an image that was built to be there: somebody gave it the tag; remove it"
            )
        return found

    def build(self, container: Container, checkout: Checkout, name: ImageName) -> ImageDigest:
        self._refuse_secrets(checkout)
        files = {DOCKERFILE: dockerfile_of(container, checkout).encode()}
        source = self._premises.bucket().put(packed({TREE: checkout.directory}, files))
        mark = f"dit-image-{secrets.token_hex(8)}"
        request = image_request(
            container,
            name,
            labels_of(name),
            source,
            kaniko=self._premises.kaniko,
            place=self._premises.place,
            tags=["dit", mark],
        )
        self._finished(request, mark, checkout)
        return self._built(container, checkout, name)

    def _refuse_secrets(self, checkout: Checkout) -> None:
        """A tree can be that of a working copy, which nobody else has seen."""
        files = (file for file in sorted(checkout.directory.rglob("*")) if file.is_file() and not file.is_symlink())
        scan = self._premises.scan({str(file.relative_to(checkout.directory)): file.read_bytes() for file in files})
        if scan is not None and scan.findings:
            first = scan.findings[0]
            raise UsageError(
                f"{scan.scanner} found {len(scan.findings)} that look like secrets in commit {checkout.commit}, first "
                f"{first.path}:{first.line}: {first.kind}; nothing was sent: take them out of the files, or mark one "
                "that is none with 'pragma: allowlist secret'"
            )

    def _finished(self, request: Mapping[str, Any], mark: str, checkout: Checkout) -> None:
        builds = self._premises.builds()
        build = builds.submit(request, mark)
        seen = None
        try:
            seen = builds.follow(build, stopped=self._stopped)
        finally:  # however the wait ended, nobody waits any more
            if seen is None or not seen.is_over:
                builds.cancel(build)
        if not seen.is_over:
            raise Interrupted(15)
        if seen.status != "SUCCESS":
            raise EnvironmentFailed(
                f"the image of {checkout.commit} was not built: build {build} ended with {seen.status} {seen.detail}; "
                f"its log is at {seen.log or 'Cloud Build'}"
            )

    def _built(self, container: Container, checkout: Checkout, name: ImageName) -> ImageDigest:
        if self.name(container, checkout) != name:
            raise EnvironmentFailed(f"an image that {name} stands on was published anew while it was built; run again")
        found = self.find(name)
        if found is None:
            raise EnvironmentFailed(f"{name} was built, and its registry does not have it; run again")
        return found

    def _resolve(self, base: str) -> ImageDigest:
        _, _, digest = base.partition("@")
        found = ImageDigest(digest) if digest else self._premises.registry.digest(base)
        if found is None:
            raise UnknownName(f"no image {base}: its registry does not have it; publish it")
        return found
