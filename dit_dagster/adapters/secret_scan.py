"""Looks for secrets in files that are about to leave this machine: with gitleaks where it is on PATH, otherwise with
the detect-secrets library.

Only these files are read: what lies in old history was pushed long ago. A finding never holds the secret itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dit_dagster.errors import InfrastructureError, UsageError

_FOUND = 99
_ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString")
_NO_SECRETS = ("IPPublicDetector",)
_LOCK_FILES = "detect_secrets.filters.heuristic.is_lock_file"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """What looks like a secret, and where; never what it is."""

    path: str
    line: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was found, by which scanner, in how many files."""

    scanner: str
    files: int
    findings: tuple[Finding, ...]


def scan_for_secrets(files: Mapping[str, bytes], variables: Mapping[str, str]) -> Scan:
    """Scan files by path. InfrastructureError if the scanner fails: what was not scanned is not clean."""
    gitleaks = shutil.which("gitleaks", path=variables.get("PATH"))
    with tempfile.TemporaryDirectory(prefix="dit-scan-") as folder:
        root = Path(folder).resolve()
        for path, content in files.items():
            _write(root, path, content if gitleaks else _as_utf8(content))
        found = _gitleaks(gitleaks, root, variables) if gitleaks else _detect_secrets(root, files)
        findings = tuple(sorted(set(found)))
    return Scan(scanner="gitleaks" if gitleaks else "detect-secrets", files=len(files), findings=findings)


def _write(root: Path, path: str, content: bytes) -> None:
    file = Path(os.path.normpath(root / path))
    if not file.is_relative_to(root) or file == root:
        raise UsageError(f"the tree holds the path {path!r}, which leads out of it; it cannot be scanned or pushed")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _as_utf8(content: bytes) -> bytes:
    """The library skips, in silence, what is no UTF-8."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16" if wide else "utf-8", "latin-1"):
        try:
            return content.decode(encoding).replace("\0", " ").encode()
        except UnicodeDecodeError:
            continue
    return content


def _gitleaks(gitleaks: str, root: Path, variables: Mapping[str, str]) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory(prefix="dit-scan-") as folder:
        report = Path(folder) / "report.json"
        options = ["--no-git", "--no-banner", "--redact", "--report-format", "json", "--exit-code", str(_FOUND)]
        command = [gitleaks, "detect", *options, "--source", str(root), "--report-path", str(report)]
        done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
        if done.returncode not in (0, _FOUND) or (done.returncode == _FOUND and not report.exists()):
            last = " / ".join(done.stderr.strip().splitlines()[-2:])
            raise InfrastructureError(f"gitleaks failed ({done.returncode}): {last}; nothing was pushed")
        listed = json.loads(report.read_text(encoding="utf-8") or "[]") if done.returncode == _FOUND else []
    for one in listed or []:
        path = str(Path(one["File"]).resolve().relative_to(root)) if Path(one["File"]).is_absolute() else one["File"]
        yield Finding(path=path, line=int(one["StartLine"]), kind=str(one["RuleID"]))
    if done.returncode == _FOUND and not listed:
        raise InfrastructureError("gitleaks found something and did not say what; nothing was pushed")


def _detect_secrets(root: Path, files: Mapping[str, bytes]) -> Iterator[Finding]:
    from detect_secrets.settings import default_settings

    with default_settings() as settings:
        given: dict[str, Any] = settings.json()
    plugins = [one for one in given["plugins_used"] if one["name"] not in _NO_SECRETS]
    # A lock file is full of hashes, which look like secrets to a measure of entropy, and to no other.
    yield from _with(root, files, [one for one in plugins if one["name"] in _ENTROPY], given["filters_used"])
    everywhere = [one for one in given["filters_used"] if one["path"] != _LOCK_FILES]
    yield from _with(root, files, [one for one in plugins if one["name"] not in _ENTROPY], everywhere)


def _with(
    root: Path, files: Mapping[str, bytes], plugins: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> Iterator[Finding]:
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import transient_settings

    with transient_settings({"plugins_used": plugins, "filters_used": filters}):
        for path in files:
            for secret in scan_file(str(root / path)):
                yield Finding(path=path, line=secret.line_number, kind=secret.type)
