"""The pages as a person sees them, in a real browser. Needs Debian's chromium and chromium-driver."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from dit_dagster_tests.recorded_runs import PIPELINE, PROJECT, RecordedRuns

pytestmark = pytest.mark.xdist_group("recorded_runs")

_START_SECONDS = 120.0
_PAGE_SECONDS = 60.0


@pytest.fixture(scope="module")
def address(recorded_runs: RecordedRuns) -> Iterator[str]:
    """Dagster's webserver on the recorded runs."""
    port = _free_port()
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, cwd=PROJECT, env=dict(recorded_runs.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def test_a_failed_check_says_what_differs(browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns) -> None:
    """The verdict, the commit, the counts and sample rows, on the page of the asset's checks."""
    said = page(browser, f"{address}/assets/{PIPELINE}/bftruncate/daily?view=checks", until="multiplicity")

    assert "equals_bf" in said
    assert "Failed" in said
    assert "DIFFERENT" in said
    assert recorded_runs.bad.commit in said
    assert "carrier=" in said
    assert "(no row)" in said


def test_an_asset_shows_how_its_table_came_about(
    browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns
) -> None:
    """Phases, table, rows, and which commit it was."""
    commit = recorded_runs.good.commit
    said = page(
        browser, f"{address}/assets/{PIPELINE}/bftruncate/daily?view=partitions&partition={commit}", until="subject"
    )

    assert "phases_executed" in said
    assert f"recorded_{commit}_bftruncate" in said
    assert "2013-01-01" in said
    assert "v1" in said


def test_the_board_is_a_grid_of_commits_and_modes(
    browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns
) -> None:
    """Which commits were run in which modes."""
    said = page(browser, f"{address}/assets/{PIPELINE}/daily?view=partitions", until="bftruncate")

    assert recorded_runs.good.commit[:10] in said
    assert recorded_runs.bad.commit[:10] in said
    assert "External Asset" in said


def test_the_report_shows_every_verdict(browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns) -> None:
    """One table for the whole commit."""
    bad = recorded_runs.bad.commit
    said = page(browser, f"{address}/assets/{PIPELINE}/report?view=partitions&partition={bad}", until="verdicts")

    assert "bf ~ bftruncate" in said
    assert "IDENTICAL" in said
    assert "DIFFERENT" in said


def test_lineage_is_in_the_pipelines_group_and_tells_the_modes_apart(browser: webdriver.Chrome, address: str) -> None:
    """No dialog before it, and a mode's name on every node."""
    said = page(browser, f"{address}/locations/dit_dagster/asset-groups/{PIPELINE}/lineage", until="report")

    assert "bftruncate" in said
    assert "flights" in said
    assert "Sign up" not in said


def page(browser: webdriver.Chrome, url: str, *, until: str) -> str:
    """The text of a page, once it shows `until`."""
    browser.get(url)
    deadline = time.monotonic() + _PAGE_SECONDS
    said = ""
    while time.monotonic() < deadline:
        said = str(browser.find_element(By.TAG_NAME, "body").text)
        if until in said:
            return said
        time.sleep(0.5)
    raise AssertionError(f"{url} did not show {until!r}; it says:\n{said}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the webserver ended with {server.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"no answer from {url}")
