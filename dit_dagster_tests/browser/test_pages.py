"""The pages as a person sees them, in a real browser. Needs Debian's chromium and chromium-driver."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By

from dit_dagster_tests.recorded_runs import PIPELINE, PROJECT, RecordedRuns

pytestmark = pytest.mark.xdist_group("recorded_runs")

_START_SECONDS = 240.0
_PAGE_SECONDS = 120.0


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
        try:
            server.wait(_PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_a_failed_check_says_what_differs(browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns) -> None:
    """The verdict, the commit, the counts and sample rows, on the page of the asset's checks."""
    url = f"{address}/assets/{PIPELINE}/bftruncate/daily?view=checks"
    said = ("multiplicity", "equals_bf", "Failed", "DIFFERENT", recorded_runs.bad.commit, "carrier=", "(no row)")

    assert page(browser, url, *said)


def test_an_asset_shows_how_its_table_came_about(
    browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns
) -> None:
    """Phases, table, rows, and which commit it was."""
    commit = recorded_runs.good.commit
    url = f"{address}/assets/{PIPELINE}/bftruncate/daily?view=partitions&partition={commit}"
    said = ("subject", "phases_executed", f"recorded_{commit}_bftruncate", "2013-01-01", "v1")

    assert page(browser, url, *said)


def test_the_board_is_a_grid_of_commits_and_modes(
    browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns
) -> None:
    """Which commits were run in which modes."""
    commits = (recorded_runs.good.commit[:10], recorded_runs.bad.commit[:10])
    url = f"{address}/assets/{PIPELINE}/daily?view=partitions"

    assert page(browser, url, "bftruncate", *commits, "External Asset")


def test_the_report_shows_every_verdict(browser: webdriver.Chrome, address: str, recorded_runs: RecordedRuns) -> None:
    """One table for the whole commit."""
    url = f"{address}/assets/{PIPELINE}/report?view=partitions&partition={recorded_runs.bad.commit}"

    assert page(browser, url, "verdicts", "bf ~ bftruncate", "IDENTICAL", "DIFFERENT")


def test_lineage_is_in_the_pipelines_group_and_tells_the_modes_apart(browser: webdriver.Chrome, address: str) -> None:
    """No dialog before it, and a mode's name on every node."""
    url = f"{address}/locations/dit_dagster/asset-groups/{PIPELINE}/lineage"

    assert "Sign up" not in page(browser, url, "report", "bftruncate", "flights")


def page(browser: webdriver.Chrome, url: str, *wanted: str) -> str:
    """The text of a page, once it shows all that is wanted: it comes in parts."""
    browser.get(url)
    deadline = time.monotonic() + _PAGE_SECONDS
    said = ""
    while time.monotonic() < deadline:
        with suppress(NoSuchElementException, StaleElementReferenceException):  # the page is being put together anew
            said = str(browser.find_element(By.TAG_NAME, "body").text)
        if all(text in said for text in wanted):
            return said
        time.sleep(0.5)
    missing = [text for text in wanted if text not in said]
    raise AssertionError(f"{url} did not show {missing}; it says:\n{said}")


def _free_port() -> int:
    """Below those from which this machine's connections are made: nobody takes it until the server does."""
    for _ in range(100):
        port = random.randrange(10_000, 32_000)
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


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
