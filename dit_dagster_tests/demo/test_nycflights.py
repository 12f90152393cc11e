"""The sample's input: local wall clocks of the package become instants."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from dit_dagster.demo import nycflights
from dit_dagster.demo.sources import AIRCRAFT_ROWS, AIRCRAFT_SCHEMA, FLIGHTS_ROWS, FLIGHTS_SCHEMA


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return nycflights.flights()


@pytest.fixture(scope="module")
def aircraft() -> pd.DataFrame:
    return nycflights.aircraft()


def test_every_flight_is_there_in_the_order_of_the_schema(flights: pd.DataFrame) -> None:
    """Some engines match the columns of a parquet file by position."""
    assert len(flights) == FLIGHTS_ROWS
    assert list(flights.columns) == [field.name for field in FLIGHTS_SCHEMA]


def test_every_aircraft_is_there_once(aircraft: pd.DataFrame) -> None:
    """Tail numbers are unique, so a join on them cannot multiply flights."""
    assert len(aircraft) == AIRCRAFT_ROWS
    assert list(aircraft.columns) == [field.name for field in AIRCRAFT_SCHEMA]
    assert aircraft["tailnum"].is_unique


def test_timestamps_are_instants_in_whole_minutes(flights: pd.DataFrame) -> None:
    """TIMESTAMP columns come from microseconds in UTC, which every engine reads alike."""
    for column in ("departed_at", "scheduled_at", "arrived_at"):
        assert str(flights[column].dtype) == "datetime64[us, UTC]"
        assert (flights[column].dropna().dt.second == 0).all()


def test_cancelled_flights_are_kept_without_a_departure(flights: pd.DataFrame) -> None:
    """Real tables have such rows; everybody who counts departures must leave them out."""
    assert flights["departed_at"].isna().sum() == 8_255
    assert flights["arrived_at"].isna().sum() == 8_713
    assert flights["scheduled_at"].notna().all()


# Worked out by hand from the package's wall clocks, which are in the comments.
@pytest.mark.parametrize(
    ("carrier", "flight", "scheduled", "departed", "arrived"),
    [
        # 05:15 EST, 05:17, 08:30 CST
        pytest.param("UA", 1545, "2013-01-01T10:15", "2013-01-01T10:17", "2013-01-01T14:30", id="winter"),
        # 2 January: 22:50 EST, 156 minutes late at 01:26, 02:33
        pytest.param("B6", 22, "2013-01-03T03:50", "2013-01-03T06:26", "2013-01-03T07:33", id="late"),
        # 11 January: 19:30 EST, 30 minutes early at 19:00, 22:33: midnight UTC to the second
        pytest.param("DL", 1435, "2013-01-12T00:30", "2013-01-12T00:00", "2013-01-12T03:33", id="midnight"),
        # 9 January: 09:00 EST, 1301 minutes late at 06:41 the next day, 12:42 HST
        pytest.param("HA", 51, "2013-01-09T14:00", "2013-01-10T11:41", "2013-01-10T22:42", id="next-day"),
        # 9 March, the evening before clocks go forward: 23:59 EST, 00:53, 05:04 AST, which has no summer time
        pytest.param("B6", 727, "2013-03-10T04:59", "2013-03-10T05:53", "2013-03-10T09:04", id="before-dst"),
        # 9 March: 21:45 EST, 23:06, and 02:03, a time that the clocks of that night did not show: 02:03 EST
        pytest.param("B6", 35, "2013-03-10T02:45", "2013-03-10T04:06", "2013-03-10T07:03", id="no-such-time"),
        # 10 March, three hours after the change: 05:00 EDT, 04:54, 06:28 EDT
        pytest.param("US", 1113, "2013-03-10T09:00", "2013-03-10T08:54", "2013-03-10T10:28", id="after-dst"),
        # 4 July: 23:59 EDT, 00:11, 04:00 AST
        pytest.param("B6", 839, "2013-07-05T03:59", "2013-07-05T04:11", "2013-07-05T08:00", id="summer"),
        # 30 October: 23:59 EDT, 24:00 as the package writes it, 03:27 AST
        pytest.param("B6", 839, "2013-10-31T03:59", "2013-10-31T04:00", "2013-10-31T07:27", id="2400"),
        # 3 November, clocks went back: 06:00 EST, 05:53, 09:18 PST
        pytest.param("UA", 303, "2013-11-03T11:00", "2013-11-03T10:53", "2013-11-03T17:18", id="end-of-dst"),
    ],
)
def test_wall_clocks_become_instants(
    flights: pd.DataFrame, carrier: str, flight: int, scheduled: str, departed: str, arrived: str
) -> None:
    """Time zones, summer time, delays past midnight."""
    when = datetime.fromisoformat(scheduled).replace(tzinfo=UTC)
    found = flights[(flights["carrier"] == carrier) & (flights["flight"] == flight) & (flights["scheduled_at"] == when)]

    assert [f"{row:%Y-%m-%dT%H:%M}" for row in found["departed_at"]] == [departed]
    assert [f"{row:%Y-%m-%dT%H:%M}" for row in found["arrived_at"]] == [arrived]


def test_nobody_arrives_before_flying(flights: pd.DataFrame) -> None:
    """From gate to gate it takes at least the time in the air, and at most a diverted day."""
    minutes = (flights["arrived_at"] - flights["departed_at"]).dt.total_seconds() / 60
    flown = minutes.notna() & flights["air_time"].notna()

    assert (minutes[flown] >= flights["air_time"][flown].astype(float)).all()
    assert minutes.max() < 24 * 60


def test_departures_lie_exactly_on_midnight_utc(flights: pd.DataFrame) -> None:
    """Without them no test could tell `>` from `>=` at the edge of a slice."""
    departed = flights["departed_at"].dropna()

    assert (departed == departed.dt.normalize()).sum() > 100


def test_every_utc_day_of_the_year_has_departures(flights: pd.DataFrame) -> None:
    """So a day without rows in the daily summary is a lost day."""
    days = flights["departed_at"].dropna().dt.date

    assert days[days < datetime(2014, 1, 1, tzinfo=UTC).date()].nunique() == 365
