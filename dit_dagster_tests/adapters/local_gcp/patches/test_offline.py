from __future__ import annotations

import subprocess
import sys

RECORDER = """
from types import SimpleNamespace
import bqemulator.server
from bqemulator.storage.engine import DuckDBEngine
{patch}
statements = []
class Connection:
    def execute(self, sql): statements.append(sql)
engine = DuckDBEngine.__new__(DuckDBEngine)
engine._connection = Connection()
DuckDBEngine._load_spatial(engine)
print([sql.split()[0] for sql in statements])
"""


def statements(patch: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", RECORDER.format(patch=patch)], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]


def test_nothing_is_downloaded() -> None:
    """With the patch the extension is loaded from its package; without, it is installed over the network."""
    patch = "from dit_dagster.adapters.local_gcp.patches import offline; offline.apply()"

    assert (statements(patch), statements("")) == ("['LOAD']", "['INSTALL', 'LOAD']")
