"""The source of a run in a build: the commit alone, without history, and the pipeline's declaration."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from dit_dagster.adapters.cloud_build.archive import packed
from dit_dagster.adapters.git_command import Git
from dit_dagster.model.identity import Commit, PipelineName

PIPELINES, REPOSITORIES = "pipelines", "repositories"
"""Folders of the archive, as DIT_PIPELINES and DIT_REPOSITORIES name them in the build."""
_ANY_COMMIT = "git -c uploadpack.allowAnySHA1InWant=true -c safe.directory=* upload-pack"


def run_source(
    pipeline: str, declaration: Path, repository: Path, commit: Commit, variables: Mapping[str, str]
) -> bytes:
    """An archive with a repository that holds exactly this commit, under its own id, and the declaration."""
    name = PipelineName(pipeline)
    with tempfile.TemporaryDirectory(prefix="dit-source-") as folder:
        copy = Path(folder) / "repository"
        _alone(repository, commit, copy, variables)
        files = {f"{PIPELINES}/{name}/defs.yaml": _declared(declaration, name)}
        return packed({f"{REPOSITORIES}/{name}": copy}, files)


def _alone(repository: Path, commit: Commit, copy: Path, variables: Mapping[str, str]) -> None:
    """A bare repository of one commit. What it builds on stays here: it was neither asked for nor scanned."""
    copy.mkdir()
    own = Git(copy, variables)
    own.raw("init", "--quiet", "--bare", "--initial-branch=source", "--template=")
    address = repository.resolve().as_uri()
    own.raw("fetch", "--quiet", "--depth=1", "--no-tags", f"--upload-pack={_ANY_COMMIT}", address, commit)
    own.raw("update-ref", "refs/heads/source", commit)
    (copy / "FETCH_HEAD").unlink(missing_ok=True)  # it names this machine's folder


def _declared(declaration: Path, name: PipelineName) -> bytes:
    """The declaration, with its repository where the archive has it."""
    read = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    read["attributes"]["repository"] = f"{{repositories}}/{name}"
    return yaml.safe_dump(read, sort_keys=False).encode()
