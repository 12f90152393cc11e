"""`dit cloud`: runs submitted to Cloud Build, followed, and cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dit_dagster.errors import UsageError

if TYPE_CHECKING:
    from dit_dagster.adapters.cloud_build.builds import BuildSeen, CloudBuilds
    from dit_dagster.adapters.cloud_build.requests import StoredSource
    from dit_dagster.api import Asked
    from dit_dagster.model.identity import BuildId, Commit
    from dit_dagster.model.pipeline import Pipeline
    from dit_dagster.settings import Settings

app = typer.Typer(help="Runs in Cloud Build: submit, wait, cancel.", no_args_is_help=True)

BuildArgument = Annotated[str, typer.Argument(metavar="BUILD_ID", help="as 'dit cloud run' prints it")]


def submit(asked: Asked, *, wait: bool) -> None:
    """Submit what was asked for, print the build's id, and wait for its verdict if that is wanted."""
    from dit_dagster import wiring
    from dit_dagster.settings import Settings

    settings = Settings.read()
    declared, commit = _checked(asked, settings)
    apis = wiring.cloud(settings)
    _refuse_unless_allowed(apis.whoami("submit"), settings)
    source = _send(declared, commit, settings)
    builds = apis.builds()
    build = _submitted(asked, declared, commit, source, builds, settings)
    typer.echo(build)
    if wait:
        _wait(builds, build, cancel=True)


def _checked(asked: Asked, settings: Settings) -> tuple[Pipeline, Commit]:
    """The pipeline, and the commit that will run there. UsageError for what the build would refuse, or cannot have."""
    from dit_dagster import api, wiring
    from dit_dagster.cli.origin import announce

    wiring.build_bucket(settings)
    if settings.build_image is None:
        raise UsageError(
            "DIT_BUILD_IMAGE is not set; name the image that this project's Dockerfile makes, by its digest"
        )
    declared = api.declared_pipeline(asked, settings)
    wanted = sorted({name for step in declared.steps for name in step.secrets})
    if wanted:
        raise UsageError(f"{declared.name} needs {', '.join(wanted)}, which a build is not given; run it elsewhere")
    code = wiring.source_control(declared, settings)
    api.refuse_early(asked, declared, code)
    commit, origin = api.bind(asked, declared, code)
    announce(origin, commit)
    return declared, commit


def _refuse_unless_allowed(identity: Any, settings: Settings) -> None:
    typer.echo(f"dit: {identity.account} on {settings.project}", err=True)
    if identity.missing:
        raise UsageError(
            f"{identity.account} lacks {', '.join(identity.missing)} on {settings.project}; nothing was done: "
            "have it granted, or use other credentials"
        )


def _send(declared: Pipeline, commit: Commit, settings: Settings) -> StoredSource:
    """The commit's files, scanned for secrets, in the bucket."""
    from dit_dagster import wiring
    from dit_dagster.adapters.cloud_build.source import run_source
    from dit_dagster.adapters.git import GitSource
    from dit_dagster.cli.snapshot import refuse_secrets
    from dit_dagster.settings import whole_environment

    place = wiring.repository(declared, settings)
    declaration = wiring.declarations(settings)[declared.name]
    files = GitSource(place, settings.directory, whole_environment()).files(commit)
    refuse_secrets({**files, f"the declaration of {declared.name}": declaration.read_bytes()}, settings)
    archive = run_source(declared.name, declaration, place, commit, whole_environment())
    return wiring.cloud(settings).bucket(wiring.build_bucket(settings)).put(archive)


def _submitted(
    asked: Asked,
    declared: Pipeline,
    commit: Commit,
    source: StoredSource,
    builds: CloudBuilds,
    settings: Settings,
) -> BuildId:
    from dit_dagster import wiring
    from dit_dagster.adapters.cloud_build.requests import run_request
    from dit_dagster.cli.arguments import run_arguments
    from dit_dagster.model.identity import ExperimentId

    experiment = ExperimentId(asked.experiment_id or settings.experiment_id or f"build_{secrets.token_hex(3)}")
    mark = f"dit-run-{secrets.token_hex(8)}"
    request = run_request(
        run_arguments(asked, commit, experiment),
        wiring.build_variables(settings),
        source,
        image=str(settings.build_image),
        place=wiring.build_place(settings),
        tags=["dit", mark, f"dit-{declared.name}"],
    )
    typer.echo(f"dit: submitting experiment {experiment} of {declared.name} at {commit[:12]}", err=True)
    return builds.submit(request, mark)


@app.command("wait")
def wait(build_id: BuildArgument) -> None:
    """Wait for a build, and end as the run in it ended. Stopping this leaves the build alone."""
    from dit_dagster import wiring
    from dit_dagster.model.identity import BuildId
    from dit_dagster.settings import Settings

    _wait(wiring.cloud(Settings.read()).builds(), BuildId(build_id), cancel=False)


@app.command("cancel")
def cancel(build_id: BuildArgument) -> None:
    """Ask a build to end. Exit code 3 if there is nothing to cancel, since it is over."""
    from dit_dagster import wiring
    from dit_dagster.model.identity import BuildId
    from dit_dagster.settings import Settings

    if not wiring.cloud(Settings.read()).builds().cancel(BuildId(build_id)):
        typer.echo(f"dit: build {build_id} is over", err=True)
        raise typer.Exit(3)
    typer.echo(f"dit: build {build_id} was asked to end; 'dit gc' takes what its run may have left", err=True)


@app.command("whoami")
def whoami(
    purpose: Annotated[str, typer.Option("--for", metavar="submit|run", help="what is to be done")] = "submit",
) -> None:
    """Say who we are to Google, and whether that may do what is to be paid for. Costs nothing.

    Exit code 2 if something is not granted, 4 if it cannot be told.
    """
    from dit_dagster import wiring
    from dit_dagster.settings import Settings

    settings = Settings.read()
    match purpose:
        case "submit" | "run":
            _refuse_unless_allowed(wiring.cloud(settings).whoami(purpose), settings)
        case _:
            raise UsageError(f"--for {purpose}: say submit or run")


def _wait(builds: CloudBuilds, build: BuildId, *, cancel: bool) -> None:
    """Exit as the run ends. Whoever stops a wait that `cancel`s ends the build, however often it is asked."""
    from dit_dagster.adapters.cloud_build.builds import exit_code
    from dit_dagster.adapters.cloud_build.requests import JUDGE
    from dit_dagster.cli.stopping import stoppable

    with stoppable("cancelling the build" if cancel else "the build goes on") as stop:
        try:
            seen = builds.follow(build, stopped=stop, told=_told())
        finally:
            if cancel and stop():
                builds.cancel(build)
    if not seen.is_over:
        what = "was asked to end; 'dit gc' takes what its run may have left" if cancel else "goes on"
        typer.echo(f"dit: build {build} {what}", err=True)
        raise typer.Exit(128 + (stop.signal or 15))
    code = exit_code(seen, JUDGE)
    detail = f": {seen.detail}" if seen.detail else ""
    typer.echo(f"dit: build {build} ended with {seen.status}{detail}; log: {seen.log or 'in Cloud Build'}", err=True)
    raise typer.Exit(code)


def _told() -> Callable[[BuildSeen], None]:
    """Tells each change of a build's status once."""
    last: list[Mapping[str, Any]] = []

    def tell(seen: BuildSeen) -> None:
        now = {"build": seen.status, **{name: step.status for name, step in seen.steps.items()}}
        if last != [now]:
            last[:] = [now]
            typer.echo(f"dit: {', '.join(f'{name} {status}' for name, status in now.items())}", err=True)

    return tell
