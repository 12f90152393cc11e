"""Dataflow on the laptop: a jobs API that runs what Beam's unmodified DataflowRunner submits to it.

Beam stages the pipeline as a proto in the local storage and posts a job; the job waits for a slot, then runs in a
process of its own on the interpreter that stands in for its worker image. docs/local-cloud.md says what is different.
"""
