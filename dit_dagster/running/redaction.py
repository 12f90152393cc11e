"""Values that no log, record or message may show."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from dit_dagster.ports import Invocation

_SHORTEST = 4
"""A shorter piece of a value is in every other word; a secret of that length is none."""


def redaction(invocation: Invocation) -> Callable[[str], str]:
    """Replaces what the invocation's redacted variables hold by their names, wherever it stands in a text.

    Line by line, since output comes in lines, and as addresses, JSON and Python spell it.
    """
    pieces = {
        spelled: f"[{name}]"
        for name in sorted(invocation.redacted)
        for line in (invocation.variables[name], *invocation.variables[name].splitlines())
        for spelled in (line, line.strip(), quote(line.strip(), safe=""), json.dumps(line)[1:-1], repr(line)[1:-1])
        if len(spelled) >= _SHORTEST
    }
    longest_first = sorted(pieces, key=len, reverse=True)

    def hide(text: str) -> str:
        for piece in longest_first:
            text = text.replace(piece, pieces[piece])
        return text

    return hide
