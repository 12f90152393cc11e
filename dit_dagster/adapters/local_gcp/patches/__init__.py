"""What the emulator does differently from BigQuery, and our repairs: one module each.

Every module's docstring says what BigQuery documents, what the emulator does, and what is done here. Order matters
where two patches wrap the same function: the later one is the outer one.
"""

from __future__ import annotations

from collections.abc import Collection

from dit_dagster.adapters.local_gcp.patches import offline
from dit_dagster.adapters.local_gcp.patches.patch import Patch

PATCHES: tuple[Patch, ...] = (offline.PATCH,)
_ALL = "all"
_INDISPENSABLE = frozenset({"offline"})


def apply(*, without: Collection[str] = ()) -> None:
    """Apply every patch but those in `without`. ValueError for a name that is not a patch."""
    import bqemulator.server  # noqa: F401 - a patch rebinds names in loaded modules, so all must be loaded

    unknown = set(without) - {patch.name for patch in PATCHES} - {_ALL}
    if unknown:
        raise ValueError(f"no patch is named {sorted(unknown)}; there are {[patch.name for patch in PATCHES]}")
    for patch in PATCHES:
        if patch.name in without or (_ALL in without and patch.name not in _INDISPENSABLE):
            continue
        patch.apply()
