"""What looks like a secret is found, whoever scans; what could not be scanned is not clean."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from dit_dagster.adapters.secret_scan import Finding, scan_for_secrets
from dit_dagster.errors import InfrastructureError, UsageError
from dit_dagster_tests.secrets_for_tests import planted_secrets

PROGRAM = b"def answer() -> int:\n    return 42\n"
KINDS = tuple(planted_secrets(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_secret_is_found(kind: str, seed: int) -> None:
    """Whatever kind it is of; the finding says where it is, and not what."""
    line = planted_secrets(seed)[kind]
    files = {"clean.py": PROGRAM, "src/settings.py": PROGRAM + line.encode() + b"\n"}

    scan = scan_for_secrets(files, {"PATH": ""})

    assert {(one.path, one.line) for one in scan.findings} == {("src/settings.py", 3)}
    assert not any(word in repr(scan) for word in line.split('"') if len(word) > 12)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_an_old_encoding_hides_nothing(encoding: str) -> None:
    """A file that is no UTF-8 is read like any other."""
    secret = planted_secrets(1)["a token of GitHub"]

    scan = scan_for_secrets({"settings.py": f"# caf\xe9\n{secret}\n".encode(encoding)}, {"PATH": ""})

    assert {(one.path, one.line) for one in scan.findings} == {("settings.py", 2)}


def test_a_lock_file_of_hashes_is_clean_and_its_tokens_are_not() -> None:
    """Hashes are what a lock file is made of."""
    hashes = json.dumps({"integrity": "sha512-" + "Zb3q7XkT9vQmNfLrW2hJ5sYcE8aGdU1oPiRtB4nVxK6yMwH0jC" * 2})
    token = planted_secrets(1)["a token of GitHub"]

    scan = scan_for_secrets({"package-lock.json": f"{hashes}\n{token}\n".encode()}, {"PATH": ""})

    assert {one.line for one in scan.findings} == {2}


def test_a_line_that_says_so_is_let_through() -> None:
    """The remedy for what only looks like a secret."""
    line = f"{planted_secrets(1)['a random string']}  # pragma: allowlist secret\n"

    assert scan_for_secrets({"job.py": line.encode()}, {"PATH": ""}).findings == ()


def test_a_path_out_of_the_tree_is_refused() -> None:
    """A tree that was made by hand may hold one."""
    with pytest.raises(UsageError, match="leads out of it"):
        scan_for_secrets({"../outside.py": PROGRAM}, {"PATH": ""})


def a_gitleaks(folder: Path, script: str) -> dict[str, str]:
    """A stand-in on PATH with gitleaks' arguments, exit codes and report."""
    program = folder / "gitleaks"
    program.write_text(f"#!/usr/bin/env python3\nimport json, sys\nfrom pathlib import Path\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


GITLEAKS = """
given = dict(zip(sys.argv, sys.argv[1:]))
root = Path(given["--source"])
found = [
    {"File": str(file), "StartLine": 1, "RuleID": "needle", "Secret": "REDACTED"}
    for file in sorted(root.rglob("*")) if file.is_file() and b"needle" in file.read_bytes()
]
Path(given["--report-path"]).write_text(json.dumps(found))
sys.exit(int(given["--exit-code"]) if found else 0)
"""


def test_gitleaks_is_asked_where_it_is_on_path(tmp_path: Path) -> None:
    """It reads exactly the files that would be pushed, in their places."""
    variables = a_gitleaks(tmp_path, GITLEAKS)
    files = {"a.py": PROGRAM, "b/c.py": b"needle\n"}

    found = [scan_for_secrets(given, variables) for given in (files, {"a.py": PROGRAM})]

    assert [(scan.scanner, scan.findings) for scan in found] == [
        ("gitleaks", (Finding(path="b/c.py", line=1, kind="needle"),)),
        ("gitleaks", ()),
    ]


@pytest.mark.parametrize(
    "script", [pytest.param("sys.exit(1)", id="it fails"), pytest.param("sys.exit(99)", id="it says nothing")]
)
def test_a_scanner_that_fails_is_not_a_clean_scan(tmp_path: Path, script: str) -> None:
    """Nothing is pushed then."""
    with pytest.raises(InfrastructureError, match="nothing was pushed"):
        scan_for_secrets({"a.py": PROGRAM}, a_gitleaks(tmp_path, script))
