"""Names of commits that mean harm, wherever a commit is named: they are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from dit_dagster_tests.cli.conftest import Dit
from dit_dagster_tests.scenarios.bench import Bench

HOSTILE = {
    "an option": "--upload-pack=touch pwned",
    "a command": "$(touch pwned)",
    "backticks": "`touch pwned`",
    "a path": "../..",
    "a line": "good\ntouch pwned",
    "quotes": "good' OR '1'='1",
    "unicode": "go\u202eod\N{PILE OF POO}",
    "long": "a" * 10_000,
    "a pathspec": "good:job.sql",
    "a reflog": "good@{1.day.ago}",
    "nothing": "",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("command", ["bisect", "snapshot", "snapshot clean"])
def test_names_of_commits_are_data(
    dit: Dit, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, kind: str
) -> None:
    """Trap 41's neighbours: one line, exit code 2, before anything happens; nothing is executed or written."""
    monkeypatch.chdir(tmp_path)
    ref = HOSTILE[kind]
    arguments = {
        "snapshot": ("snapshot", "visits", "--push", f"--remote={ref or '-'}"),
        "bisect": ("bisect", "visits", "--good=good", f"--bad={ref}", "--pair=bf,bfd"),
        "snapshot clean": ("snapshot", "clean", "visits", "--", ref),
    }[command]

    said = dit(*arguments)

    assert said.code == 2, said
    assert len(said.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    assert not (bench.repository.path / "pwned").exists()
