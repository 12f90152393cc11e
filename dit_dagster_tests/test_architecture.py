"""Who may import whom, and who may read the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dit_dagster

PACKAGE = Path(dit_dagster.__file__).parent
FREE_FOR_ALL = {"errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "ports": {"model"},
    "planning": {"model", "ports"},
    "comparing": {"model", "ports"},
    "adapters": {"model", "ports"},
    "running": {"model", "ports", "planning", "comparing"},
    "evidence": {"model", "ports", "planning", "running"},
    "settings": {"model"},
    "demo": {"model", "ports", "adapters"},
    # The edges connect everything; nothing above imports them.
    "wiring": {"model", "ports", "adapters", "demo", "running", "settings"},
    "api": {"model", "ports", "planning", "comparing", "running", "evidence", "settings", "wiring"},
}
"""For each part of the package, the other parts that it may import. The parts that are not here are edges."""
# The supervised servers are programs of their own, and the shim runs inside the pipeline's process.
READS_THE_ENVIRONMENT = {"settings.py", "adapters/local_gcp"}


FILES = sorted(
    file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py") if "versions" not in file.relative_to(PACKAGE).parts
)
TREES = {file: ast.parse((PACKAGE / file).read_text(encoding="utf-8")) for file in FILES}


def part_of(file: Path) -> str:
    return file.parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def only_wrong(found: Mapping[Path, set[str]]) -> dict[str, set[str]]:
    return {str(file): names for file, names in found.items() if names}


def test_imports_flow_one_way() -> None:
    """model <- planning <- running <- the edges; comparing needs model and ports; adapters know no settings."""
    used = {
        file: {name.split(".")[1] for name in imports(file) if name.startswith("dit_dagster.")} - {part_of(file)}
        for file in FILES
        if part_of(file) in MAY_IMPORT
    }

    assert only_wrong({file: names - MAY_IMPORT[part_of(file)] - FREE_FOR_ALL for file, names in used.items()}) == {}


def test_every_part_is_known_here() -> None:
    """A new folder or module at the top says what it may import, or that it is an edge."""
    edges = {"__init__", "cli", "defs", "definitions"}

    assert {part_of(file) for file in FILES} <= MAY_IMPORT.keys() | edges


def test_only_defs_speaks_dagster() -> None:
    """The command and the core work without it."""
    core = [file for file in FILES if part_of(file) not in ("__init__", "defs", "definitions")]
    forbidden = ("dagster", "dit_dagster.defs", "dit_dagster.definitions")

    assert only_wrong({file: {name for name in imports(file) if name.startswith(forbidden)} for file in core}) == {}


def test_only_settings_reads_the_environment() -> None:
    """What a run depends on is in one frozen value."""
    asked = {
        file: {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"environ", "getenv"}
        for file, tree in TREES.items()
        if not any(file.is_relative_to(place) for place in READS_THE_ENVIRONMENT)
    }

    assert only_wrong(asked) == {}


def test_the_command_never_loads_dagster() -> None:
    """Neither `dit --help` nor what is behind the command: Dagster and Beam cost seconds."""
    code = (
        "import contextlib, sys; sys.argv = ['dit', '--help']\n"
        "import dit_dagster.cli, dit_dagster.api, dit_dagster.evidence.report\n"
        "with contextlib.suppress(SystemExit): dit_dagster.cli.main()\n"
        "print(sorted({'dagster', 'apache_beam'} & sys.modules.keys()), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stderr.strip() == "[]"
