"""The jobs of a pipeline: one commit, its default modes or all of them."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from dit_dagster.defs.vocabulary import PIPELINE_TAG, Vocabulary


def jobs(words: Vocabulary) -> list[AssetJob]:
    """The job that people and CI start, and the one with every mode."""
    return [
        _job(words, words.job, words.pipeline.default_modes, "its default modes"),
        _job(words, words.job_of_all_modes, tuple(words.pipeline.available_modes), "every mode"),
    ]


def _job(words: Vocabulary, name: str, modes: Sequence[str], what: str) -> AssetJob:
    """The pin, the modes, and the checks on them: selecting an asset selects its checks."""
    outputs = [words.output(mode, output) for mode in modes for output in words.pipeline.outputs]
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(words.pin, *outputs),
        partitions_def=words.commits,
        description=f"Runs {words.name} at one commit in {what} ({', '.join(modes)}) and judges the outputs.",
        tags={PIPELINE_TAG: words.name},
    )
