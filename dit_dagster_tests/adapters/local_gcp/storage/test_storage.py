from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[Any]:
    """The official client on a server of its own."""
    command = [sys.executable, "-m", "dit_dagster.adapters.local_gcp.storage", str(root)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    endpoint = json.loads(server.stdout.readline())["url"]
    yield storage.Client(
        project="p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoint},
    )
    server.kill()
    server.communicate()


@pytest.fixture
def bucket(client: Any) -> Any:
    """A bucket for one test."""
    return client.bucket(f"b-{uuid4().hex}")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a\r\nb\nc\r--x\r\n", id="line ends"),
        pytest.param(bytes(range(256)) * 4096, id="megabyte"),
        pytest.param(b"x" * (9 * MEGABYTE), id="resumable"),
    ],
)
def test_what_was_written_is_read(bucket: Any, root: Path, content: bytes) -> None:
    """Content comes back byte by byte, and is a plain file under the root."""
    bucket.blob("a/b.bin").upload_from_string(content)

    assert bucket.blob("a/b.bin").download_as_bytes() == content
    assert (root / bucket.name / "a" / "b.bin").read_bytes() == content


def test_chunks_and_ranges(bucket: Any) -> None:
    """Chunked uploads and partial downloads."""
    content = bytes(range(256)) * 3000
    blob = bucket.blob("chunks", chunk_size=256 * 1024)
    blob.upload_from_string(content)

    assert bucket.blob("chunks").download_as_bytes(start=100, end=199) == content[100:200]
    with bucket.blob("chunks").open("rb") as stream:
        assert stream.read() == content


def test_a_stream_of_unknown_length(bucket: Any) -> None:
    """Writing through a file handle."""
    with bucket.blob("stream").open("wb", chunk_size=256 * 1024) as stream:
        for _ in range(5):
            stream.write(b"0123456789" * 10000)

    assert bucket.get_blob("stream").size == 500_000


def test_listing(bucket: Any) -> None:
    """Prefixes, delimiters and pages."""
    for name in ("a/1", "a/2", "a/b/3", "c"):
        bucket.blob(name).upload_from_string(b"x")
    folded = bucket.list_blobs(prefix="a/", delimiter="/")

    assert [blob.name for blob in folded] == ["a/1", "a/2"]
    assert folded.prefixes == {"a/b/"}
    assert [blob.name for blob in bucket.list_blobs(page_size=2)] == ["a/1", "a/2", "a/b/3", "c"]


def test_preconditions(bucket: Any) -> None:
    """if_generation_match=0 creates once; a stale generation is refused."""
    blob = bucket.blob("lock")
    blob.upload_from_string(b"mine", if_generation_match=0)
    with pytest.raises(GoogleAPIError, match="412"):
        bucket.blob("lock").upload_from_string(b"yours", if_generation_match=0)
    with pytest.raises(GoogleAPIError, match="412"):
        blob.delete(if_generation_match=1)

    assert blob.download_as_bytes() == b"mine"


def test_copy_compose_and_rename(bucket: Any) -> None:
    """Server-side copies."""
    parts = [bucket.blob("one"), bucket.blob("two")]
    for part in parts:
        part.upload_from_string(part.name.encode())
    bucket.blob("both").compose(parts)
    bucket.copy_blob(parts[0], bucket, "copy")
    bucket.rename_blob(parts[1], "renamed")

    found = {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()}
    assert found == {"both": b"onetwo", "copy": b"one", "one": b"one", "renamed": b"two"}


def test_batches(client: Any, bucket: Any) -> None:
    """Several deletes in one request; each has its own answer."""
    bucket.blob("there").upload_from_string(b"x")
    batch = client.batch(raise_exception=False)
    with batch:
        bucket.delete_blob("there")
        bucket.delete_blob("not-there")

    assert [answer.status_code for answer in batch._responses] == [204, 404]


@pytest.mark.parametrize("name", ["../escape", "a//b", "a/../../b", "."])
def test_names_stay_inside(bucket: Any, name: str) -> None:
    """A name cannot leave its bucket."""
    with pytest.raises(GoogleAPIError, match="400"):
        bucket.blob(name).upload_from_string(b"x")


def test_unknown_parameters_are_refused(bucket: Any) -> None:
    """What would change the answer and is not understood is an error."""
    with pytest.raises(GoogleAPIError, match="matchGlob"):
        list(bucket.list_blobs(match_glob="*.csv"))
