"""A declaration as it is at a commit: command lines change, and the declaration knows by what to tell them."""

from __future__ import annotations

from dit_dagster.model.identity import Commit
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.ports import SourceControl


def at_commit(pipeline: Pipeline, commit: Commit, code: SourceControl) -> Pipeline:
    """The pipeline with the commands of the commit's version."""
    if not pipeline.versions:
        return pipeline
    files = code.checkout(commit, code.tree(commit)).directory
    return pipeline.of_tree(lambda path: (files / path).exists())
