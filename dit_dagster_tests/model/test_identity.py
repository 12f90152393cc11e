"""Names are types that validate once; what they accept is safe in SQL, paths and commands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.errors import BadName, UsageError
from dit_dagster.model.identity import (
    Commit,
    DatasetName,
    ExperimentId,
    Fingerprint,
    GitRef,
    ImageDigest,
    JobId,
    Label,
    PipelineName,
    RunId,
    TableName,
    Tree,
    canonical_json,
    content_hash,
)

HEX40 = "0123456789abcdef0123456789abcdef01234567"
HEX64 = "ab" * 32
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param(Commit, HEX40, id="commit"),
        pytest.param(Tree, HEX40, id="tree"),
        pytest.param(Tree, HEX64, id="hash of subtrees"),
        pytest.param(GitRef, "feature/some-thing_1.2", id="ref"),
        pytest.param(ImageDigest, f"sha256:{HEX64}", id="digest"),
        pytest.param(Fingerprint, HEX64, id="fingerprint"),
        pytest.param(RunId, "20240101-101112-a1b2c3", id="run id"),
        pytest.param(JobId, "2026-11-27_02_42_59-0374216196487139175", id="job id"),
        pytest.param(ExperimentId, "solo_a1b2c3", id="experiment id"),
        pytest.param(PipelineName, "flight_gaps", id="pipeline"),
        pytest.param(Label, "mutate_recover", id="label"),
    ],
)
def test_a_well_formed_name_is_its_own_text(kind: type[str], text: str) -> None:
    """A validated name is a str and keeps what it was made of."""
    assert kind(text) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param(Commit, "main", id="a branch is no commit"),
        pytest.param(Commit, HEX40[:12], id="an abbreviated id is no commit"),
        pytest.param(Commit, HEX40.upper(), id="a commit is lower-case"),
        pytest.param(Commit, HEX40 + "\n", id="a commit ends where it ends"),
        pytest.param(Commit, HEX64, id="a fingerprint is no commit"),
        pytest.param(Fingerprint, HEX40, id="a commit is no fingerprint"),
        pytest.param(ImageDigest, "latest", id="a tag is no digest"),
        pytest.param(JobId, "../messages", id="a path is no job id"),
        pytest.param(ImageDigest, HEX64, id="a bare hash is no digest"),
        pytest.param(GitRef, "--upload-pack=evil", id="an option is no ref"),
        pytest.param(GitRef, "main~1", id="an expression is no ref"),
        pytest.param(GitRef, "a b", id="a ref has no space"),
        pytest.param(GitRef, "", id="a ref is not empty"),
        pytest.param(RunId, "../../etc", id="a path is no run id"),
        pytest.param(RunId, "", id="a run id is not empty"),
        pytest.param(ExperimentId, "Solo", id="an experiment id is lower-case"),
        pytest.param(ExperimentId, "a-b", id="an experiment id has no hyphen"),
        pytest.param(ExperimentId, "x" * 41, id="an experiment id is short"),
        pytest.param(Label, "1st", id="a label starts with a letter"),
    ],
)
def test_trap_41_an_identifier_of_another_kind_is_refused(kind: type[str], text: str) -> None:
    """Trap 41: a name of one kind where another is required is an error that says what to give instead."""
    with pytest.raises(BadName, match=r"is not .+; "):
        kind(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("only_a_table", id="one part"),
        pytest.param("ds.table`; DROP TABLE x; --", id="a backtick and more"),
        pytest.param("ds.ta;ble", id="a semicolon"),
        pytest.param("ds.", id="no table"),
        pytest.param("ds.table\n", id="a line break"),
        pytest.param("pro ject.ds.table", id="a space in the project"),
        pytest.param("p.d/s.t", id="a slash"),
        pytest.param("", id="nothing"),
    ],
)
def test_trap_41_text_that_is_no_table_never_reaches_sql(text: str) -> None:
    """Trap 41: whatever could end a quoted name is refused where it enters."""
    with pytest.raises(BadName):
        TableName.parse(text, project="prod")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ds.t", TableName("prod", "ds", "t"), id="the default project"),
        pytest.param("other.ds.t", TableName("other", "ds", "t"), id="a project"),
        pytest.param("`other.ds.t`", TableName("other", "ds", "t"), id="quoted as a whole"),
        pytest.param("`other`.`ds`.`t`", TableName("other", "ds", "t"), id="quoted by part"),
        pytest.param("example.com:old.ds.t", TableName("example.com:old", "ds", "t"), id="a domain's project"),
    ],
)
def test_a_table_is_read_as_people_write_it(text: str, expected: TableName) -> None:
    """Two parts take the default project, three bring their own."""
    assert TableName.parse(text, project="prod") == expected


@given(table=st.from_regex(r"[\w\- ]{1,40}", fullmatch=True))
def test_a_table_survives_its_own_spelling(table: str) -> None:
    """Parsing what `str` wrote gives the same table."""
    name = TableName("prod", "scratch", table)

    assert TableName.parse(str(name), project="elsewhere") == name


@given(table=st.text(min_size=1, max_size=20))
def test_no_accepted_name_can_leave_its_quotes(table: str) -> None:
    """Of any text, what is accepted as a table stands between backticks without breaking out."""
    try:
        quoted = TableName("prod", "scratch", table).sql
    except BadName:
        return

    assert quoted == f"`prod`.`scratch`.`{table}`"
    assert quoted.count("`") == 6


def test_a_dataset_names_its_tables() -> None:
    """A table of a dataset is in that dataset."""
    assert DatasetName("prod", "scratch").table("t").parent == DatasetName("prod", "scratch")


def test_a_bad_name_is_a_wrong_use() -> None:
    """The command ends with exit code 2 on it, before it does anything."""
    assert issubclass(BadName, UsageError)


@given(value=st.dictionaries(st.text(), PLAIN_JSON, max_size=5))
def test_the_order_of_keys_does_not_reach_a_hash(value: dict[str, Any]) -> None:
    """One value has one text, however its mapping was built."""
    assert content_hash(dict(reversed(value.items()))) == content_hash(value)


def test_the_canonical_text_is_pinned() -> None:
    """Every fingerprint rests on this spelling: no spaces, sorted, ASCII."""
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,2.5,null]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "infinity"])
def test_what_is_no_json_has_no_hash(value: float) -> None:
    """A value without a canonical text is refused rather than hashed somehow."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash([value])
