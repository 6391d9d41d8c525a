from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from mft_core.data.mapped_arrays import mapped, mapped_array


@pytest.mark.parametrize("values", [[], [3, -1, 1 << 40]])
def test_an_array_is_what_was_saved(tmp_path: Path, values: list[int]) -> None:
    np.save(tmp_path / "a.npy", np.array(values, np.int64))
    array = mapped_array(tmp_path / "a.npy")
    assert (array.dtype, array.tolist()) == (np.int64, values)


def test_what_is_mapped_cannot_be_changed_and_holds_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    arrays = [mapped(tmp_path / "a.bin") for _ in range(min(most, 2000) + 10)]
    assert bytes(arrays[-1]) == b"abc"
    with pytest.raises(ValueError, match="read-only"):
        arrays[0][0] = 1
