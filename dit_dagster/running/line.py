"""Which phase is next: of those that could start, the one with most behind it, as many at a time as allowed."""

from __future__ import annotations

from collections.abc import Mapping

from dit_dagster.model.identity import Fingerprint


class Line:
    """Phases that wait for a slot, and those that hold one. For one thread.

    `depths` tell how many phases follow one another from each on: the longest chain decides when a run ends, so it goes
    first. Of equals, the first that came. `peak` is the most that held a slot at once.
    """

    def __init__(self, *, limit: int, depths: Mapping[Fingerprint, int]) -> None:
        self._limit = limit
        self._depths = depths
        self._waiting: dict[Fingerprint, float] = {}
        self._started: set[Fingerprint] = set()
        self.peak = 0

    def __bool__(self) -> bool:
        """Whether any phase waits."""
        return bool(self._waiting)

    def join(self, fingerprint: Fingerprint, *, not_before: float = 0.0) -> None:
        """Wait for a slot, and until the clock of `start` shows `not_before`, in seconds."""
        self._waiting[fingerprint] = not_before

    def start(self, now: float) -> tuple[Fingerprint, ...]:
        """Give the free slots away. Each phase returned holds one until it leaves."""
        free = self._limit - len(self._started)
        due = [fingerprint for fingerprint, not_before in self._waiting.items() if not_before <= now]
        chosen = tuple(sorted(due, key=lambda each: -self._depths[each])[: max(free, 0)])
        for fingerprint in chosen:
            del self._waiting[fingerprint]
            self._started.add(fingerprint)
        self.peak = max(self.peak, len(self._started))
        return chosen

    def leave(self, fingerprint: Fingerprint) -> None:
        """Give a slot back."""
        self._started.remove(fingerprint)

    def clear(self) -> tuple[Fingerprint, ...]:
        """Send everybody away who waits; who they were."""
        sent = tuple(self._waiting)
        self._waiting.clear()
        return sent
