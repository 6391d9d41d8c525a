"""A text in segments, as its author has laid it out, to a sample in pieces."""

from __future__ import annotations

from mft_core.records import Record
from mft_tokenization.drafts import Draft
from mft_tokenization.plan import NO_ANSWER, Step, Writer, pieces
from mft_tokenization.text_encoder import TextEncoder


def segments_draft(record: Record, encoder: TextEncoder) -> Draft:
    """What the segments become; those that are learned are answers. Control tokens typed in them are the tokenizer's,
    and each segment is encoded alone, so that no token is of two.
    """
    writer, start, text = Writer(encoder), 0, record.text or ""
    for length, is_learned in record.segments:
        step = Step(answer=0 if is_learned else NO_ANSWER)
        writer.write([step, *pieces(text[start : start + length], encoder)])
        start += length
    return Draft(writer.pieces, [1.0])
