"""What the workers do: find the gaps between the departures of one aircraft."""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

import apache_beam as beam
from apache_beam.metrics import Metrics


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The UTC days from `start` up to, and without, `end`; how long a gap is at least (exclusive) and at most."""

    start: dt.date
    end: dt.date
    shortest: dt.timedelta
    longest: dt.timedelta


class FindGaps(beam.DoFn):
    """An aircraft's departures to the gaps that end within the bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._found = Metrics.counter("flight_gaps", "gaps")

    def process(self, element: tuple[str, Iterable[tuple]]) -> Iterator[dict]:
        tailnum, departures = element
        for gap in gaps_of(tailnum, sorted(departures), self._bounds):
            self._found.inc()
            yield gap


def gaps_of(tailnum: str, departures: list[tuple], bounds: Bounds) -> Iterator[dict]:
    """The gaps of one aircraft whose departures are in order."""
    for (left, _, _, dest), (back, *_) in pairwise(departures):
        away = dt.timedelta(seconds=back - left)
        day = dt.datetime.fromtimestamp(back, dt.UTC).date()
        if bounds.shortest < away <= bounds.longest and bounds.start <= day < bounds.end:
            yield {
                "gap_id": hashlib.md5(f"{tailnum} {left}".encode()).hexdigest(),
                "tailnum": tailnum,
                "dest": dest,
                "gap_start": _timestamp(left),
                "gap_end": _timestamp(back),
                "gap_hours": (back - left) / 3600,
                "day": day.isoformat(),
            }


def _timestamp(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
