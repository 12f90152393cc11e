"""Dagster's own tools accept what this project defines, and defining it touches nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

import dit_dagster

PROJECT = Path(dit_dagster.__file__).parents[1]
DECLARATION = PROJECT / "dit_dagster" / "defs" / "flight_gaps" / "defs.yaml"


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program of this project's environment, in the project's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIT_", "DAGSTER_"))}
    environment: Mapping[str, str] = {**kept, "VIRTUAL_ENV": sys.prefix, **variables}
    program, *arguments = command
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(("-m", "dit_dagster.definitions"), id="by module"),
        pytest.param(("-w", "workspace.yaml"), id="by workspace"),
        pytest.param((), id="by pyproject"),
    ],
)
def test_the_definitions_are_valid(target: tuple[str, ...], tmp_path: Path) -> None:
    """However Dagster is led to them. Neither git nor the warehouse is touched: the home stays empty."""
    home = tmp_path / "dit"

    done = run("dagster", "definitions", "validate", *target, DIT_HOME=str(home), DAGSTER_HOME=str(tmp_path))

    assert done.returncode == 0, done.stdout
    assert not home.exists()


def test_dg_finds_the_component_and_accepts_its_declaration() -> None:
    """Through the entry point and the published schema."""
    done = run("dg", "check", "yaml")

    assert done.returncode == 0, done.stdout
    assert "All component YAML validated successfully" in done.stdout


def test_a_wrong_declaration_is_named_with_file_field_and_remedy(tmp_path: Path) -> None:
    """The folder of one's own pipelines is read as well, and as strictly."""
    declaration = yaml.safe_load(DECLARATION.read_text())
    declaration["attributes"] |= {"name": "gaps_of_my_own", "tial": 3}
    file = tmp_path / "gaps_of_my_own" / "defs.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(declaration))

    done = run("dagster", "definitions", "validate", "-m", "dit_dagster.definitions", DIT_PIPELINES=str(tmp_path))

    assert done.returncode != 0
    assert f"{file}: tial: unknown field; allowed: code, cohorts" in done.stdout
