"""`dit doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

_NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when all is well."""

    what: str
    found: str
    remedy: str = ""
    needed: bool = True


def doctor() -> None:
    """Name what is missing on this machine and how to get it. Exit code 0 if nothing that is needed is."""
    findings = tuple(examine())
    for finding in findings:
        mark = "ok     " if not finding.remedy else "MISSING" if finding.needed else "absent "
        print(f"{mark} {finding.what}: {finding.found}" + (f"; {finding.remedy}" if finding.remedy else ""))
    if any(finding.remedy and finding.needed for finding in findings):
        raise typer.Exit(4)


def examine() -> Iterator[Finding]:
    """Look at everything the project can use. Nothing is started."""
    from dit_dagster.settings import Settings

    settings = Settings.read()
    version = platform.python_version()
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding(what="Python", found=version, remedy="" if fits else "use Python 3.11 or 3.12")
    yield _program("git", "apt-get install git, or your system's package manager")
    beside = Path(sys.executable).with_name("uv")
    yield Finding(what="uv", found=str(beside)) if beside.exists() else _program("uv", "pip install uv")
    yield from _packages()
    yield _disk(settings.directory)
    yield (
        _cloud(settings.directory / "local")
        if settings.warehouse == "local"
        else Finding(what="warehouse", found="Google BigQuery (DIT_WAREHOUSE=bigquery)")
    )
    yield _program("docker", "only needed for pipelines that run in containers", needed=False)
    yield _program("chromium", "only needed for the browser tests", needed=False)


def _program(name: str, remedy: str, *, needed: bool = True) -> Finding:
    found = shutil.which(name)
    return Finding(what=name, found=found or "not on PATH", remedy="" if found else remedy, needed=needed)


def _packages() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    for package in ("dagster", "bqemulator", "duckdb", "duckdb-extension-spatial", "google-cloud-bigquery"):
        try:
            yield Finding(what=package, found=installed(package))
        except PackageNotFoundError:
            yield Finding(what=package, found="not installed", remedy="make setup")


def _disk(home: Path) -> Finding:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    short = free < _NEEDED_BYTES
    return Finding(
        what=f"disk at {existing}",
        found=f"{free / 1024**3:.1f} GiB free",
        remedy=f"free some, or set DIT_HOME elsewhere: {_NEEDED_BYTES / 1024**3:.0f} GiB are wanted" if short else "",
    )


def _cloud(directory: Path) -> Finding:
    from dit_dagster.adapters import local_gcp

    match local_gcp.status(directory):
        case local_gcp.Running(cloud=cloud):
            return Finding(what="local cloud", found=f"running at {cloud.rest}")
        case local_gcp.Stopped():
            return Finding(what="local cloud", found="stopped; it starts on demand")
        case local_gcp.Broken(reason=reason):
            return Finding(what="local cloud", found=f"broken: {reason}", remedy="dit local down; dit local up")
