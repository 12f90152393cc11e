"""The assets that lie outside: sources, which are only read; the board and the report, which steps write to."""

from __future__ import annotations

import dagster as dg

from dit_dagster.defs.vocabulary import KIND, Vocabulary


def external_assets(words: Vocabulary) -> list[dg.AssetSpec]:
    """Sources (what they held is observed at each pin), the board per output, and the report."""
    pipeline = words.pipeline
    sources = [
        dg.AssetSpec(
            words.source(name),
            group_name=words.name,
            kinds={KIND},
            description=f"{source.table}, as {words.name} reads it. Each pin observes what it holds.",
        )
        for name, source in pipeline.sources.items()
    ]
    boards = [
        dg.AssetSpec(
            words.board(output),
            deps=[words.output(mode, output) for mode in pipeline.available_modes],
            group_name=words.name,
            kinds={KIND},
            partitions_def=words.grid,
            description=f"The board of {output}: which commits were run in which modes.",
        )
        for output in pipeline.outputs
    ]
    report = dg.AssetSpec(
        words.report,
        deps=[words.board(output) for output in pipeline.outputs],
        group_name=words.name,
        partitions_def=words.commits,
        description="How the latest run of a commit ended: the verdict on every pair.",
    )
    return [*sources, *boards, report]
