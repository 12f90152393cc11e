"""The command line: read the flags, make room for the days of the run, start the pipeline."""

import argparse
import datetime as dt
import re
import sys
from collections.abc import Sequence

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from flight_gaps_beam import gaps_table, pipeline
from flight_gaps_beam.detect import Bounds

_FULL_NAME = re.compile(r"[A-Za-z0-9_:.-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    own, of_beam = parser.parse_known_args(arguments)
    if own.start >= own.end:
        parser.error(f"--start {own.start} must lie before --end {own.end}")
    bounds = Bounds(
        start=own.start,
        end=own.end,
        shortest=dt.timedelta(hours=own.min_gap_hours),
        longest=dt.timedelta(hours=own.max_gap_hours),
    )
    options = PipelineOptions(of_beam)
    google = options.view_as(GoogleCloudOptions)
    labels = dict(label.split("=", 1) for label in google.labels or [])
    gaps_table.make_room(google.project, own.gaps, bounds, labels)
    result = pipeline.build(options, bounds, labels, flights=own.flights, gaps=own.gaps).run()
    if own.no_wait and options.view_as(StandardOptions).runner == "DataflowRunner":
        print(f"submitted {result.job_id()}")
        return 0
    state = result.wait_until_finish()
    print(f"the pipeline ended in state {state}")
    return 0 if state == "DONE" else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flight-gaps-beam", description=__doc__, allow_abbrev=False)
    parser.add_argument("--start", type=dt.date.fromisoformat, required=True, help="first day")
    parser.add_argument("--end", type=dt.date.fromisoformat, required=True, help="first day after the last")
    parser.add_argument("--flights", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")
    parser.add_argument("--gaps", type=_table, required=True, metavar="PROJECT.DATASET.TABLE")
    parser.add_argument("--min-gap-hours", type=int, default=48, help="a gap is longer (default: 48)")
    parser.add_argument("--max-gap-hours", type=int, default=168, help="a gap is not longer (default: 168)")
    parser.add_argument("--no-wait", action="store_true", help="on Dataflow: return once the job is submitted")
    return parser


def _table(text: str) -> str:
    if not _FULL_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not project.dataset.table")
    return text


if __name__ == "__main__":
    sys.exit(main())
