"""The git command on one repository, apart from the user's own variables, hooks and monitors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dit_dagster.errors import InfrastructureError, UsageError

_SETTINGS = (
    *("-c", "safe.directory=*"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
)
_VARIABLES = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    # Objects as they are: a replaced one would run under the id of the true one, and grafts would change ancestors.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}


class Git:
    """Runs git in `repository`. It asks nothing, takes no locks that are optional, and reads no GIT_ variable.

    Objects are taken as they are: `git replace` and grafts have no effect.
    """

    def __init__(self, repository: Path, variables: Mapping[str, str]) -> None:
        if shutil.which("git") is None:
            raise UsageError("git is not on PATH; install it ('dit doctor' tells how)")
        self.repository = repository
        # The user's GIT_DIR and the like would lead elsewhere.
        own = {name: value for name, value in variables.items() if not name.startswith("GIT_")}
        self._variables = {**own, **_VARIABLES}

    def with_variables(self, **more: str) -> Git:
        """The same command with more variables, such as GIT_INDEX_FILE."""
        other = Git(self.repository, {})
        other._variables = {**self._variables, **more}
        return other

    def raw(self, *arguments: str, given: bytes = b"") -> bytes:
        """What it prints. Raises InfrastructureError with its reason."""
        done = self.done(arguments, given)
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", "replace").strip()
            raise InfrastructureError(f"git {arguments[0]} failed in {self.repository}: {reason}")
        return done.stdout

    def text(self, *arguments: str, given: bytes = b"") -> str:
        """What it prints, without the line's end."""
        return self.raw(*arguments, given=given).decode("utf-8", "replace").strip()

    def maybe(self, *arguments: str) -> bytes | None:
        """What it prints, or None if it fails."""
        done = self.done(arguments)
        return done.stdout if done.returncode == 0 else None

    def done(
        self, arguments: Sequence[str], given: bytes = b"", *, seconds: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """How it ended. InfrastructureError if it did not within `seconds`."""
        command = ["git", *_SETTINGS, "-C", str(self.repository), *arguments]
        try:
            return subprocess.run(
                command, input=given, capture_output=True, env=self._variables, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise InfrastructureError(f"git did not end within {seconds:g} seconds; the remote may hang") from None
