"""`python -m flight_gaps` is `flight-gaps`."""

from flight_gaps.cli import main

raise SystemExit(main())
