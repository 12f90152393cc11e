"""What one table holds, in a few numbers: the comparison digest and its JSON form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any, Self

DIGEST_VERSION = 6
"""Raised whenever the canonical row or its hash changes; digests of different versions are never compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a comparison reads of one table.

    `days` holds one entry per day of `policy.day`, in order, NULL last: the day, its rows and its digest, which is the
    sums of its rows' hashes in decimals; without a declared day one entry with None. `duplicate_keys` counts rows whose
    key an earlier row already has, and is None without keys, or where nobody counted: where a sample of the keys, of
    which there were `sampled_keys`, was looked at and none of them is repeated. `engine` names the hash: digests
    of different engines are never compared.
    """

    rows: int
    days: tuple[tuple[date | None, int, str], ...]
    duplicate_keys: int | None
    schema: str
    policy: str
    engine: str
    version: int
    sampled_keys: int | None = None

    @property
    def value(self) -> str:
        """One hash over all days: equal if and only if all days are."""
        lines = (f"{day.isoformat() if day else '-'} {rows} {text}\n" for day, rows, text in self.days)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def kind_of_engine(self) -> str:
        """The engine as `Warehouse.engine` names it; `engine` may say its version as well."""
        return self.engine.partition("/")[0]

    def comparable(self, other: Digest) -> bool:
        """Whether equal values mean equal tables: same hash, same policy, same schema."""
        return self._basis == other._basis

    def differing_days(self, other: Digest) -> tuple[date | None, ...]:
        """The days that the two do not hold alike, in order, NULL last."""
        mine, theirs = ({day: (rows, text) for day, rows, text in side.days} for side in (self, other))
        return in_order(day for day in mine.keys() | theirs.keys() if mine.get(day) != theirs.get(day))

    def excess(self, other: Digest) -> tuple[int, ...]:
        """By how much the sums of this digest exceed those of `other`, over all days."""
        mine, theirs = self._totals(), other._totals()
        return tuple(left - right for left, right in zip_longest(mine, theirs, fillvalue=0))

    def _totals(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(map(int, text.split()) for _, _, text in self.days), strict=True)))

    @property
    def _basis(self) -> tuple[str, str, str, int]:
        return (self.schema, self.policy, self.engine, self.version)

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "days": [[day.isoformat() if day else None, rows, text] for day, rows, text in self.days],
            "duplicate_keys": self.duplicate_keys,
            "sampled_keys": self.sampled_keys,
            "schema": self.schema,
            "policy": self.policy,
            "engine": self.engine,
            "version": self.version,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError on anything that `to_json` did not write."""
        return cls(
            rows=int(data["rows"]),
            days=tuple((date.fromisoformat(day) if day else None, int(n), str(text)) for day, n, text in data["days"]),
            duplicate_keys=None if data["duplicate_keys"] is None else int(data["duplicate_keys"]),
            sampled_keys=None if data.get("sampled_keys") is None else int(data["sampled_keys"]),
            schema=str(data["schema"]),
            policy=str(data["policy"]),
            engine=str(data["engine"]),
            version=int(data["version"]),
        )


def in_order(days: Iterable[date | None]) -> tuple[date | None, ...]:
    """Days from first to last; rows without a day come last."""
    return tuple(sorted(days, key=lambda day: (day is None, day or date.min)))
