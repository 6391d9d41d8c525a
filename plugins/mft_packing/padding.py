"""One sample per row: the paper's two padding modes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mft_core.interfaces import Packer
from mft_core.records import PackedRows


class Dynamic(Packer):
    """One sample per row, rows padded to the longest of their micro-batch (MFTCoder, section 2.3)."""

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Row r is sample r."""
        return PackedRows(np.arange(len(lengths)), np.arange(len(lengths) + 1))


class Pad(Dynamic):
    """One sample per row, rows padded to `data.max_length` (MFTCoder, section 2.3)."""

    pads_to_maximum: ClassVar[bool] = True
