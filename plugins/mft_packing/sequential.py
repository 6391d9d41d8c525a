"""The paper's pack mode: next-fit in training order."""

from __future__ import annotations

import numpy as np

from mft_core.interfaces import Packer
from mft_core.records import PackedRows


class Sequential(Packer):
    """Fill a row in order until the next sample does not fit, then open another (MFTCoder, section 2.3).

    Unlike MFTCoder's, the last, partly filled row is kept and documents do not see each other.
    """

    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Next-fit: O(rows log samples)."""
        ends = np.cumsum(lengths)
        offsets = [0]
        while offsets[-1] < len(lengths):
            first = offsets[-1]
            used = ends[first - 1] if first else 0
            offsets.append(int(np.searchsorted(ends, used + capacity, side="right")))
        return PackedRows(np.arange(len(lengths)), np.array(offsets))
