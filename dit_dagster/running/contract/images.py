"""What ran in images: whether workers found the program in theirs, and whether an image says of which commit it is."""

from __future__ import annotations

from collections.abc import Iterable

from dit_dagster.errors import DitError
from dit_dagster.model.container import BUILT_FROM, REVISION
from dit_dagster.model.contract import Broken, Finding, Kept, NotChecked, Promise, all_of
from dit_dagster.model.identity import ImageDigest
from dit_dagster.running.contract.checker import Checker

_DIGEST = "sha256:"
_NO_JOBS = "no step ran on Dataflow; give --runner dataflow"


def of_images(checker: Checker) -> dict[Promise, Finding]:
    """The promises about images, from the state that the first run left."""
    return {Promise.WORKER_IMAGE: _carries(checker), Promise.COMMIT_IN_IMAGE: _says(checker)}


def _carries(checker: Checker) -> Finding:
    """A job is DONE only if its workers had all that it needs: of this machine they have what their image has."""
    jobs = checker.known_state.jobs
    if not jobs:
        return NotChecked(why=_NO_JOBS)
    ran = sorted({image for job in jobs for image in job.images})
    return Kept(seen=f"{len(jobs)} jobs were done by workers of {', '.join(ran) or 'their own image'}")


def _says(checker: Checker) -> Finding:
    """Of each image that ran: those of the steps' containers, and those of workers that this machine's engine has."""
    state = checker.known_state
    workers = [job.worker for job in state.jobs if job.worker is not None and job.worker.startswith(_DIGEST)]
    images = sorted(map(ImageDigest, {*state.images, *workers}))
    if not images:
        on_dataflow = "its workers ran in no image that this machine's engine has"
        return NotChecked(why=on_dataflow if state.jobs else "nothing ran in an image; give --runner docker")
    return all_of(_each(checker, images), "its label names the commit, or it was made here of its tree")


def _each(checker: Checker, images: Iterable[ImageDigest]) -> Iterable[Finding]:
    commit = checker.base.prospect.plan.request.commit
    container = checker.pipeline.container
    for image in images:
        try:
            labels = checker.image_labels(image)
        except DitError as error:
            yield NotChecked(why=str(error))
            continue
        revision = labels.get(REVISION)
        if revision == commit or (revision is None and BUILT_FROM in labels):
            yield Kept(seen=image)
        elif revision is not None:
            yield Broken(why=f"{image} says that it was made from {revision}, and not from {commit}")
        elif container is not None and container.holds:
            yield Kept(seen=f"{image}: its files were read back, as container.holds says")
        else:
            yield Broken(why=f"{image} has no label {REVISION}, and container.holds does not say where its files are")
