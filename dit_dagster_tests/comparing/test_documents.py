"""Canonical JSON texts are shown as the documents they stand for."""

from __future__ import annotations

import pytest

from dit_dagster.comparing.documents import shown_json


@pytest.mark.parametrize(
    ("canonical", "shown"),
    [
        ("raw no json", "no json"),
        ('["$","NULL",null]', "null"),
        ('["$","NUMBER","1.5"]', "1.5"),
        (
            '["$","OBJECT",null],["$.a","ARRAY",null],["$.a[0]","NUMBER","1"],["$.a[10]","VARCHAR","z"],["$.b","NULL",null]',
            '{"a": [1, "z"], "b": null}',
        ),
        ('["$","OBJECT",null],["$.a","ARR', '["$","OBJECT",null],["$.a","ARR'),
        ('{"a":1}', '{"a":1}'),
    ],
)
def test_a_canonical_text_is_shown_as_its_document(canonical: str, shown: str) -> None:
    """BigQuery's is the document already, and a shortened one stays as it is."""
    assert shown_json(canonical) == shown
