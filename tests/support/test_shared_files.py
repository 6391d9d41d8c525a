from __future__ import annotations

from pathlib import Path

import numpy as np

from mft_core.support.shared_files import FileParts, SharedFiles


def parts(*numbers: int) -> FileParts:
    return FileParts(("a",), ("a",), np.array(numbers, np.int16), (), "digest", 1)


def test_records_of_no_task_are_known() -> None:
    shared = SharedFiles("channel", {Path("a"): parts(0, 0), Path("b"): parts(0, -1, -1)}, {"mix": ("", "")})
    assert shared.records == 5
    assert shared.without_task == (Path("b"),)
    assert shared in {shared}
