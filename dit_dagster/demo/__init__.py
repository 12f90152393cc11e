"""The sample pipeline `flight_gaps`: its history of commits, its real input, and what must be seen."""
