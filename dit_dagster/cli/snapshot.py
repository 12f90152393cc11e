"""`dit snapshot`: the working tree as a commit, kept here or pushed where another machine can run it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.identity import PipelineName

if TYPE_CHECKING:
    from dit_dagster.adapters.git import GitSource
    from dit_dagster.adapters.git_command import Git
    from dit_dagster.adapters.working_tree import Remote
    from dit_dagster.settings import Settings

_OF_A_FOLDER = "repository"
"""Stands for the pipeline in the refs of snapshots of a folder that is no declared pipeline's."""


def snapshot(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="PIPELINE | clean PIPELINE REF", help="'dit list' shows pipelines")
    ] = None,
    repo: Annotated[Path | None, typer.Option(help="the top of a git working tree, instead of a pipeline")] = None,
    print_id: Annotated[bool, typer.Option("--print-id", help="print the commit's id and nothing else")] = False,
    push: Annotated[bool, typer.Option("--push", help="scan it for secrets and push it")] = False,
    remote: Annotated[str | None, typer.Option(help="where to; default: git's remote.pushDefault, or origin")] = None,
) -> None:
    """Make a commit of the tracked files of a working tree, changed or not; or remove one, here and on the remote.

    Neither the index nor any file is touched. Equal trees give one id, whatever HEAD is.
    """
    from dit_dagster.settings import Settings

    settings = Settings.read()
    match words or []:
        case ["clean", name, ref] if repo is None:
            _clean(PipelineName(name), _code(name, None, settings)[1], ref, remote)
        case [name] if repo is None:
            _take(PipelineName(name), *_code(name, None, settings), settings, print_id, push, remote)
        case [] if repo is not None:
            _take(PipelineName(_OF_A_FOLDER), *_code(None, repo, settings), settings, print_id, push, remote)
        case _:
            raise UsageError(
                "write 'dit snapshot PIPELINE', 'dit snapshot --repo PATH' or 'dit snapshot clean PIPELINE REF'"
            )


def _code(name: str | None, repo: Path | None, settings: Settings) -> tuple[GitSource, Git]:
    from dit_dagster import wiring
    from dit_dagster.adapters.git import GitSource
    from dit_dagster.adapters.git_command import Git
    from dit_dagster.settings import whole_environment

    place = (
        wiring.repository(wiring.find_pipeline(name, settings), settings)
        if name is not None
        else (repo or Path()).expanduser().absolute()
    )
    variables = whole_environment()
    return GitSource(place, settings.directory, variables), Git(place, variables)


def _take(
    name: PipelineName,
    code: GitSource,
    git: Git,
    settings: Settings,
    print_id: bool,
    push: bool,
    remote: str | None,
) -> None:
    from dit_dagster.adapters.working_tree import keep_snapshot, push_snapshot, remote_of, snapshot_ref
    from dit_dagster.cli.origin import announce

    taken = code.snapshot(name)
    if taken is None:
        raise UsageError(f"{git.repository} has no working tree; name a commit instead")
    target = remote_of(git, remote) if push else None
    keep_snapshot(git, taken, name)
    announce(taken, taken.commit)
    if target is not None:
        refuse_secrets(code.files(taken.commit), settings)
        push_snapshot(git, taken.commit, name, target)
        typer.echo(f"dit: pushed to {target.name} as {snapshot_ref(name, taken.commit)}", err=True)
    typer.echo(taken.commit if print_id else f"{taken.commit}  tree {taken.tree}")


def refuse_secrets(files: Mapping[str, bytes], settings: Settings) -> None:
    """Exactly what a push would send is read, and what is found is told here, where the user looks."""
    from dit_dagster.adapters.secret_scan import scan_for_secrets
    from dit_dagster.cli.origin import shown
    from dit_dagster.settings import whole_environment

    if settings.skip_secret_scan:
        typer.secho(
            "dit: NOT SCANNED FOR SECRETS, since DIT_SKIP_SECRET_SCAN is set", err=True, fg=typer.colors.RED, bold=True
        )
        return
    scan = scan_for_secrets(files, whole_environment())
    for line in shown([f"{one.path}:{one.line}: {one.kind}" for one in scan.findings]):
        typer.secho(f"dit:   {line}", err=True, fg=typer.colors.RED)
    if scan.findings:
        raise UsageError(
            f"{scan.scanner} found {len(scan.findings)} that look like secrets, listed above; nothing was pushed. "
            "Take them out of the files; one that is none gets the comment 'pragma: allowlist secret' (gitleaks: "
            "'gitleaks:allow') on its line"
        )
    typer.echo(f"dit: {scan.scanner} found no secret in {scan.files} files", err=True)


def _clean(name: PipelineName, git: Git, ref: str, remote: str | None) -> None:
    from dit_dagster.adapters.working_tree import drop_snapshot, snapshots_of

    target = _remote_if_any(git, remote)
    known = snapshots_of(git, name, target)
    found = sorted(commit for commit in known if commit.startswith(ref.rpartition("/")[2]))
    if len(found) != 1 or not ref:
        what = f"{len(found)} snapshots" if found else "no snapshot"
        raise UnknownName(f"{what} {ref!r} of {name}; there are {', '.join(one[:12] for one in known) or 'none'}")
    gone = drop_snapshot(git, found[0], name, target)
    typer.echo(f"{found[0]} removed ({', '.join(gone)})")


def _remote_if_any(git: Git, name: str | None) -> Remote | None:
    """The remote that is named; otherwise the usual one, if there is any."""
    from dit_dagster.adapters.working_tree import remote_of

    return remote_of(git, name) if name is not None or git.text("remote") else None
