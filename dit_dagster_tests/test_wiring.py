"""Where a pipeline's repository is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dit_dagster.errors import UsageError
from dit_dagster.settings import Settings
from dit_dagster.wiring import repository
from dit_dagster_tests.builders import a_pipeline


def test_a_repository_can_be_named_without_a_path(tmp_path: Path) -> None:
    """A declaration that is shared says its name; each machine says in which folder it is."""
    pipeline = a_pipeline(repository="{repositories}/pipe-gaps")

    assert repository(pipeline, Settings(repositories=tmp_path)) == tmp_path / "pipe-gaps"


def test_a_missing_folder_is_told_with_its_variable() -> None:
    """Before anything is looked for on the disk."""
    pipeline = a_pipeline(repository="{repositories}/pipe-gaps")

    with pytest.raises(UsageError, match="set DIT_REPOSITORIES to the folder that holds pipe-gaps"):
        repository(pipeline, Settings())
