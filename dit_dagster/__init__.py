"""Did my change break the data? Runs a pipeline at a commit in several trigger patterns and proves its tables equal."""
