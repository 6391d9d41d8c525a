"""The Hub over a network: only the files of what is asked for are fetched, and later none is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.fake_hub import fake_hub
from helpers.hub_sets import COMMIT

pytest.importorskip("datasets")

PROGRAM = """
import json, sys
from pathlib import Path
from mft_core.interfaces import DataRequest
from mft_sources.hub import Hub
found = Hub().fetch(sys.argv[1], DataRequest(None, Path(sys.argv[2])))
print(json.dumps([[path.name for path in found.train], [path.name for path in found.valid], found.pinned]))
"""
TABLE = b"prompt,response\nq,a\n"
CARD = b"""---
configs:
- config_name: one
  data_files: [{split: train, path: "one-*.csv"}]
- config_name: two
  data_files: two.csv
---
"""
FILES = {"README.md": CARD, "one-a.csv": TABLE, "one-b.csv": TABLE, "two.csv": TABLE, "code.py": b"1 / 0"}


def fetch(address: str, folder: Path, **environment: str) -> list[object]:
    places = {"HF_HOME": str(folder / "hub"), "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, address, str(folder / "sources")],
        env={**os.environ, **places, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_only_what_is_asked_for_is_fetched_and_once(tmp_path: Path) -> None:
    expected = [["one-a.csv", "one-b.csv"], [], f"org/set@{COMMIT}:one"]
    with fake_hub("org/set", FILES, COMMIT) as (endpoint, fetched):
        assert fetch("org/set:one", tmp_path, HF_ENDPOINT=endpoint) == expected
        assert set(fetched) == {"README.md", "one-a.csv", "one-b.csv"}
    assert fetch(f"org/set@{COMMIT}:one", tmp_path, HF_HUB_OFFLINE="1") == expected
    assert fetch("org/set:one", tmp_path, HF_HUB_OFFLINE="1") == expected
