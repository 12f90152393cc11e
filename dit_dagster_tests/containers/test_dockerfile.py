"""Which images a Dockerfile takes something from."""

from __future__ import annotations

import pytest

from dit_dagster.adapters.docker.dockerfile import bases
from dit_dagster.errors import BadDeclaration


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("FROM python:3.11", ("python:3.11",), id="one"),
        pytest.param("# FROM a\nfrom --platform=linux/amd64 b as x", ("b",), id="lower case, a platform, a comment"),
        pytest.param("FROM a AS one\nFROM one\nFROM scratch\nFROM b", ("a", "b"), id="stages"),
        pytest.param("FROM a\nCOPY --from=b:1 /x /x\nCOPY --from=0 /y /y", ("a", "b:1"), id="copied from"),
        pytest.param("FROM a\nRUN --mount=type=bind,from=c,target=/c x", ("a", "c"), id="mounted from"),
        pytest.param("ARG V=3\nARG I\nFROM ${I}:$V AS x", ("py:3",), id="arguments"),
        pytest.param("ARG V='1'\nFROM a:${V:-2}\nFROM b:${W:-2}", ("a:1", "b:2"), id="defaults"),
        pytest.param("FROM a\nFROM a", ("a",), id="twice"),
    ],
)
def test_every_image_is_found_once(text: str, found: tuple[str, ...]) -> None:
    """Whatever is said of it."""
    assert bases(text, {"I": "py"}) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("RUN x", "has no FROM", id="none"),
        pytest.param("ARG TAG\nFROM a:$TAG", "TAG has no value; give it a default, or declare it", id="no value"),
    ],
)
def test_what_cannot_be_told_is_an_error(text: str, said: str) -> None:
    """Rather than a key that misses something."""
    with pytest.raises(BadDeclaration, match=said):
        bases(text, {})
