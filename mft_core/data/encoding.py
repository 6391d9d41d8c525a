"""Lines of JSONL to arrays of token ids: the part of data reading that runs in worker processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mft_core.data.jsonl import LONGEST_LINE
from mft_core.data.length_guard import NOTHING, OVERLONG, LengthPolicy, encode_guarded, is_usual
from mft_core.data.line_records import Line, Parsed, parsed_line
from mft_core.data.longer_records import LongerRecords
from mft_core.data.record_forms import content_digest, folded_digest, unread_of_shaped
from mft_core.data.tokenization import Tokenization
from mft_core.data.tool_text import in_text
from mft_core.errors import MftError, RecordError
from mft_core.records import Record, Sample
from mft_core.support.reading import AS_IT_IS, RecordForm

TRUNCATED = "truncated"
SPLIT = "split"
PARTS = "parts"
THOUGHTS_LEFT_OUT = "thoughts left out"
ANSWERS_LEFT_OUT = "answers left out"
LEFT_OUT = (THOUGHTS_LEFT_OUT, ANSWERS_LEFT_OUT)
READ = "read"
NO_FAULTS = {READ, OVERLONG, TRUNCATED, SPLIT, PARTS, *LEFT_OUT}
"""What is counted beside the reasons of records that are bad."""
MOST_OF_A_DETAIL = 1000
"""Characters: a detail quotes the record, which may be of any size."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What some lines became.

    Attributes:
        ids: uint32 [tokens].
        supervised: bool [tokens].
        weights: float64 [tokens], as `Sample.weights`; None: no sample has any.
        columns: "lengths", "supervised_counts", "digests", "folded_digests", "files", "places": one element per sample.
        refused: quarantined records: "file" (its number), "place", "reason", "detail", "record" (the raw text).
        counts: "read", "truncated", "split" (records of more than one sample), the "parts" they became, "thoughts left
            out" and "answers left out" by `RecordForm.reasoning`, and refused records by reason.
        longer: records that were dropped or truncated for their length.
        unread: records that hold something under a key that is neither read nor known to be harmless, by the key.
        size: bytes of the lines.
    """

    ids: np.ndarray
    supervised: np.ndarray
    weights: np.ndarray | None
    columns: dict[str, np.ndarray]
    refused: list[dict[str, Any]]
    counts: Counter[str]
    longer: LongerRecords
    unread: Counter[str]
    size: int


def encode_lines(
    lines: Sequence[Line],
    origins: Sequence[str],
    tokenization: Tokenization,
    policy: LengthPolicy,
    form: RecordForm = AS_IT_IS,
) -> Encoded:
    """Parse, check and tokenise lines, in their order.

    Args:
        lines: what to encode.
        origins: of each file, its name and the words for a place in it, for messages.
        tokenization: bound to its tokenizer.
        policy: for long samples.
        form: of the records.

    Raises:
        MftError: the tokenization failed with anything but a RecordError.
    """
    samples: list[Sample] = []
    rows: list[tuple[int, ...]] = []
    refused: list[dict[str, Any]] = []
    counts, longer, unread = Counter({READ: len(lines)}), LongerRecords(), Counter[str]()
    parsed = [parsed_line(line, origins, form) for line in lines]
    known = _encoded_together([read.record for read in parsed if isinstance(read, Parsed)], tokenization, policy)
    for line, read in zip(lines, parsed, strict=True):
        try:
            if isinstance(read, RecordError):
                raise read
            shaped, record = read
            digests = [int.from_bytes(digest(record), "little") for digest in (content_digest, folded_digest)]
            left_out = Counter({THOUGHTS_LEFT_OUT: record.thoughts_left_out})
            encode = partial(_encode_part, whole=record, known=known.get(id(record)), tokenization=tokenization)
            fitting, times = encode_guarded(record, encode, policy, longer)
            if form.reasoning == "last" and record.text is None:
                left_out[ANSWERS_LEFT_OUT] = len(fitting) - 1
                fitting = fitting[-1:]
            if max(len(sample.ids) for sample in fitting) > policy.max_length:
                fitting = _fit(record, fitting, times, policy, counts, longer)
        except RecordError as error:
            counts[error.reason] += 1
            refused.append(quarantined(line, error))
            continue
        counts.update(+left_out)
        unread.update(set(unread_of_shaped(shaped)))
        if len(fitting) > 1:
            counts.update({SPLIT: 1, PARTS: len(fitting)})
        samples += fitting
        rows += [(len(part.ids), int(part.supervised.sum()), *digests, line.file, line.place) for part in fitting]
    size = sum(len(line.raw) for line in lines)
    return Encoded(*_flat(samples), columns_of(rows), refused, counts, longer, unread, size)


def _encoded_together(
    records: Sequence[Record], tokenization: Tokenization, policy: LengthPolicy
) -> dict[int, list[Sample] | RecordError]:
    """By the id of a record, what the tokenization makes of it, for those that are not very long; nothing where it
    fails: which record it fails on is found one by one."""
    usual = [
        record
        for record in records
        if is_usual(record, policy) and _has_weight(record) and (tokenization.takes_segments or not record.segments)
    ]
    try:
        found = tokenization.batch([_shown(record, tokenization) for record in usual])
    except Exception:  # noqa: BLE001 - of a plugin
        return {}
    return {id(record): outcome for record, outcome in zip(usual, found, strict=True)}


def _encode_part(
    part: Record, whole: Record, known: list[Sample] | RecordError | None, tokenization: Tokenization
) -> list[Sample]:
    """`encode_record` of a record or its beginning; of the record itself it may be known what it becomes."""
    return encode_record(part, tokenization, known if part is whole else None)


def encode_record(
    record: Record, tokenization: Tokenization, known: list[Sample] | RecordError | None = None
) -> list[Sample]:
    """The record's samples, one or more; at least one token of each is a target, the first never.

    Args:
        record: what to encode.
        tokenization: bound to its tokenizer.
        known: what the tokenization makes of it; None: it is asked.

    Raises:
        RecordError: the tokenization refuses the record or the weights of its answers, or nothing in it is supervised.
        MftError: the tokenization failed with anything else, or supervised the first token.
    """
    if record.segments and not tokenization.takes_segments:
        raise RecordError("unsupported segments", f"the tokenization {type(tokenization).__name__} learns whole texts")
    if not _has_weight(record):
        raise RecordError(NOTHING, "the weight of all of it is 0")
    record = _shown(record, tokenization)
    try:
        if isinstance(known, RecordError):
            raise known
        samples = tokenization.samples(record) if known is None else known
    except (RecordError, MemoryError):
        raise
    except Exception as error:
        name = type(tokenization).__name__
        raise MftError(
            f"{record.origin}: the tokenization {name} failed: {error!r}", "This is a fault of it."
        ) from error
    _check_samples(samples, record, type(tokenization).__name__)
    return [sample.times(record.weight) for sample in samples]


def _shown(record: Record, tokenization: Tokenization) -> Record:
    """The record as the tokenization takes it."""
    return record if tokenization.takes_tools else replace(record, turns=in_text(record.turns))


def _has_weight(record: Record) -> bool:
    answers = [turn.weight for turn in record.turns if turn.role == "assistant"]
    return bool(record.weight) and (not answers or any(answers))


def _check_samples(samples: Sequence[Sample], record: Record, tokenization: str) -> None:
    """What `encode_record` says of samples, but for the record's own weight."""
    if not samples or not all(sample.supervised[1:].any() for sample in samples):
        raise RecordError(NOTHING, "no token of it is a target")
    faults = [sample.supervised[0] and "the first token is supervised" for sample in samples] + [
        not np.array_equal(sample.weights > 0, sample.supervised) and "the supervised tokens are not those of a weight"
        for sample in samples
        if sample.weights is not None
    ]
    if found := [fault for fault in faults if fault]:
        raise MftError(f"{record.origin}: {found[0]}.", "This is a fault of the tokenization.")
    if any(turn.weight != 1.0 for turn in record.turns) and all(sample.weights is None for sample in samples):
        raise RecordError("unsupported weight", f"the tokenization {tokenization} gives every answer the same weight")


def _fit(
    record: Record,
    samples: Sequence[Sample],
    times: float,
    policy: LengthPolicy,
    counts: Counter[str],
    longer: LongerRecords,
) -> list[Sample]:
    """Samples of at most `max_length` tokens for a record of which one is longer, counted; it is about `times` as long
    as they are.

    Raises:
        RecordError: they cannot be shortened.
    """
    if policy.overlong == "split" and record.is_document:
        return [part for sample in samples for part in _split(sample, policy.max_length)]
    length = int(times * max(len(sample.ids) for sample in samples))
    cut = [sample.part(0, policy.max_length) for sample in samples] if policy.overlong == "truncate" else []
    short = [sample for sample in cut if sample.supervised.any()]
    tokens, supervised = (int(times * whole) - kept for whole, kept in zip(_sizes(samples), _sizes(short), strict=True))
    longer.count(length, tokens, supervised)
    about = "" if times == 1 else "about "
    if policy.overlong != "truncate":
        raise RecordError(OVERLONG, f"{about}{length} tokens, more than {policy.max_length}")
    if not short:
        raise RecordError(OVERLONG, f"{about}{length} tokens, none of the first {policy.max_length} is a target")
    counts[TRUNCATED] += 1
    return short


def _sizes(samples: Sequence[Sample]) -> tuple[int, int]:
    """Tokens, and supervised ones."""
    return sum(len(sample.ids) for sample in samples), sum(int(sample.supervised.sum()) for sample in samples)


def _split(sample: Sample, max_length: int) -> list[Sample]:
    """As few parts as possible. Each starts with the last token of the one before it, as context for its first target:
    so every token but the very first is a target exactly once, as in the whole text."""
    parts = [sample.part(start, start + max_length) for start in range(0, len(sample.ids) - 1, max_length - 1)]
    return [part for part in parts if part.supervised.any()]


def quarantined(line: Line, error: RecordError) -> dict[str, Any]:
    """A refused line as `Encoded.refused` has it."""
    raw = line.raw if len(line.raw) <= LONGEST_LINE else line.raw[:MOST_OF_A_DETAIL]  # which is not all of it anyway
    return {
        "file": line.file,
        "place": line.place,
        "reason": error.reason,
        "detail": error.detail[:MOST_OF_A_DETAIL],
        "record": raw.decode("utf-8", errors="replace"),
    }


def _flat(samples: list[Sample]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    ids = np.concatenate([np.zeros(0, np.uint32), *(sample.ids.astype(np.uint32) for sample in samples)])
    supervised = np.concatenate([np.zeros(0, bool), *(sample.supervised.astype(bool) for sample in samples)])
    if all(sample.weights is None for sample in samples):
        return ids, supervised, None
    parts = (sample.supervised if sample.weights is None else sample.weights for sample in samples)
    return ids, supervised, np.concatenate([np.zeros(0), *parts])


def columns_of(rows: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The columns of `Encoded`, of rows of a number for each of them."""
    names = ("lengths", "supervised_counts", "digests", "folded_digests", "files", "places")
    dtypes = (np.int64, np.int64, np.uint64, np.uint64, np.int64, np.int64)
    values: list[Sequence[int]] = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: np.array(column, dtype) for name, column, dtype in zip(names, values, dtypes, strict=True)}
