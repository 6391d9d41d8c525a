"""Where the repository lies, and the data beside it that tests may use and skip without."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
CHECKPOINTS = SHARED / "fixtures" / "checkpoints"
PUBLISHED_SETS = SHARED / "data" / "eval"
