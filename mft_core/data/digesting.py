"""Lines to the digests of their records, without tokens: enough to choose among them, in a tenth of the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mft_core.data.encoding import READ, Encoded, columns_of, quarantined
from mft_core.data.line_records import Line, parsed_line
from mft_core.data.longer_records import LongerRecords
from mft_core.data.record_forms import content_digest
from mft_core.errors import RecordError
from mft_core.support.reading import RecordForm


def digest_lines(lines: Sequence[Line], origins: Sequence[str], form: RecordForm) -> Encoded:
    """Parse and check lines, in their order; each record is a sample of no tokens, with its digest and its place.

    Arguments as in `mft_core.data.encoding.encode_lines`.
    """
    rows: list[tuple[int, ...]] = []
    refused: list[dict[str, Any]] = []
    counts = Counter({READ: len(lines)})
    for line in lines:
        parsed = parsed_line(line, origins, form)
        if isinstance(parsed, RecordError):
            counts[parsed.reason] += 1
            refused.append(quarantined(line, parsed))
        else:
            rows.append((0, 0, int.from_bytes(content_digest(parsed.record), "little"), 0, line.file, line.place))
    none, size = np.zeros(0, np.uint32), sum(len(line.raw) for line in lines)
    return Encoded(none, np.zeros(0, bool), None, columns_of(rows), refused, counts, LongerRecords(), Counter(), size)
