"""The command line: read the flags, run one step, tell the shell how it went."""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from flight_gaps import daily, detect
from flight_gaps.tables import Table, Window
from flight_gaps.warehouse import Warehouse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step and return the exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        window = Window(start=options.start, end=options.end)
    except ValueError as error:
        parser.error(str(error))
    try:
        options.step(options, window)
    except Exception as error:  # whatever went wrong, the caller must see that it did
        print(f"flight-gaps: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _detect(options: argparse.Namespace, window: Window) -> None:
    detect.run(
        _warehouse(options),
        window,
        flights=options.flights,
        gaps=options.gaps,
        min_gap=dt.timedelta(hours=options.min_gap_hours),
    )


def _daily(options: argparse.Namespace, window: Window) -> None:
    daily.run(
        _warehouse(options),
        window,
        flights=options.flights,
        aircraft=options.aircraft,
        gaps=options.gaps,
        daily=options.daily,
    )


def _warehouse(options: argparse.Namespace) -> Warehouse:
    return Warehouse(project=options.project, labels=dict(options.labels))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--start", type=dt.date.fromisoformat, required=True, help="first day")
    common.add_argument("--end", type=dt.date.fromisoformat, required=True, help="first day after the last")
    common.add_argument("--project", help="the project that runs the queries (default: the environment's)")
    common.add_argument("--labels", type=_label, action="append", default=[], metavar="KEY=VALUE")
    common.add_argument("--flights", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")
    common.add_argument("--gaps", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")

    parser = argparse.ArgumentParser(prog="flight-gaps", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")

    step = steps.add_parser("detect", parents=[common], help="find gaps")
    step.add_argument("--min-gap-hours", type=_hours, default=48, help="a gap is longer (default: 48)")
    step.set_defaults(step=_detect)

    step = steps.add_parser("daily", parents=[common], help="summarise days and carriers")
    step.add_argument("--aircraft", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")
    step.add_argument("--daily", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")
    step.set_defaults(step=_daily)
    return parser


def _table(text: str) -> Table:
    try:
        return Table(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _hours(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of hours")
    return int(text)
