"""`mft data make --method exercises` by a fake endpoint, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from helpers.fake_endpoint import FakeEndpoint
from helpers.running import settings

QUICK = settings("model.first_pause=0", "filters.rouge=0.95")


def command(endpoint: FakeEndpoint, output: Path, *more: str) -> list[str]:
    where = ["--endpoint", endpoint.url, "--model", "writer-1", "--output", str(output)]
    return ["data", "make", "--method", "exercises", *where, *QUICK, *more]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    """What must be the same however often it was interrupted."""
    return {name: (folder / name).read_bytes() for name in ("train.jsonl", "valid.jsonl", "make.json")}
