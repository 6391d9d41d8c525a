"""Records that are too long to be tokenised whole: what of them can matter under `max_length`, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from mft_core.data.longer_records import LongerRecords
from mft_core.errors import RecordError
from mft_core.records import Record, Sample, Turn
from mft_core.support.thoughts import split_thought

OVERLONG = "over-long"
NOTHING = "nothing supervised"

CHARACTERS_OF_A_TOKEN = 256
"""More than the longest tokens hold: in published vocabularies those are of 128 spaces or so."""
CHARACTERS_AT_LEAST = 1 << 20
"""Texts up to this are tokenised whatever `max_length` is: it takes seconds at most."""
CHARACTERS_AT_MOST = 1 << 24
"""Of a text to be split. Tokenizers take 200 bytes a character and end the process where there are too many."""
TURNS_AT_ONCE = 256
"""What a tokenization does with a conversation may take time with the square of its turns."""
CHARACTERS_BEYOND = 1024
"""Kept of what begins beyond `max_length`, so that an answer stays one."""

Overlong = Literal["drop", "truncate", "split"]


class LengthPolicy(NamedTuple):
    """What happens to samples of more than `max_length` tokens; "split" splits plain text and drops the others."""

    max_length: int
    overlong: Overlong


def encode_guarded(
    record: Record, encode: Callable[[Record], list[Sample]], policy: LengthPolicy, longer: LongerRecords
) -> tuple[list[Sample], float]:
    """The record's samples, and how many times as long the record is as what they were made of, 1.0 where it is all.

    Samples of more than `max_length` tokens may be cut short, but not to fewer; some that have no target among their
    first `max_length` tokens may be missing.

    Args:
        record: of any size.
        encode: what makes samples of a record.
        policy: for long samples.
        longer: counts the record where it is refused here, with a token for each character: how many it
            really has is not known, and nobody may take it for one that would fit.

    Raises:
        RecordError: it cannot have `max_length` tokens or fewer, or is too long to be tokenised at once.
    """
    if is_usual(record, policy):
        return encode(record), 1.0
    most = _most_characters(record, policy)
    far_too_long = _characters(record) > most or len(record.turns) > policy.max_length
    if far_too_long and policy.overlong != "truncate":
        raise _too_long(record, policy, longer)
    samples: list[Sample] = []
    for part in _beginnings(record, most):
        samples = encode(part)
        if _is_enough(samples, policy):
            break
    if not samples or (_characters(record, but_thoughts=True) > most and len(samples[-1].ids) <= policy.max_length):
        # What was kept has no target, or is white space that the template leaves out.
        raise _too_long(record, policy, longer)
    return samples, max(1.0, _characters(record) / _characters(part))


def is_usual(record: Record, policy: LengthPolicy) -> bool:
    """Whether it is small enough to be tokenised at once, whole and with others."""
    return _characters(record) <= CHARACTERS_AT_LEAST and len(record.turns) <= min(TURNS_AT_ONCE, policy.max_length)


def _most_characters(record: Record, policy: LengthPolicy) -> int:
    most = max(CHARACTERS_OF_A_TOKEN * policy.max_length, CHARACTERS_AT_LEAST)
    return max(most, CHARACTERS_AT_MOST) if policy.overlong == "split" and record.text is not None else most


def _characters(record: Record, but_thoughts: bool = False) -> int:
    if record.text is not None:
        return len(record.text)
    return sum(len(_said(turn) if but_thoughts else turn.content) + len(turn.calls) for turn in record.turns)


def _said(turn: Turn) -> str:
    parts = split_thought(turn.content) if turn.role == "assistant" else None
    return turn.content if parts is None else parts.said


def _too_long(record: Record, policy: LengthPolicy, longer: LongerRecords) -> RecordError:
    characters, turns = _characters(record), len(record.turns)
    longer.count(max(characters, turns), lost=0, supervised=0)
    size = f"{turns:,} turns of {characters:,} characters" if turns else f"{characters:,} characters"
    return RecordError(OVERLONG, f"{size}, too long to be tokenised for {policy.max_length} tokens")


def _beginnings(record: Record, most: int) -> Iterator[Record]:
    """The beginning of the record that has all that `most` characters show, and before it shorter ones where it has
    many turns; the record itself where it is not long."""
    if record.text is not None:
        yield record if len(record.text) <= most else replace(record, text=record.text[:most])
        return
    turns = tuple(_cut(record.turns, most))
    count = TURNS_AT_ONCE
    while count < len(turns):
        upto = next(number for number in range(count, len(turns) + 1) if turns[number - 1].role == "assistant")
        if _has_targets(turns[:upto]):
            yield replace(record, turns=turns[:upto])
        count *= 2
    if turns == record.turns:
        yield record
    elif _has_targets(turns):
        yield replace(record, turns=turns)


def _has_targets(turns: Sequence[Turn]) -> bool:
    return any(turn.role == "assistant" and turn.weight for turn in turns)


def _cut(turns: Sequence[Turn], most: int) -> Iterator[Turn]:
    """The turns up to the first answer by which there are more than `most` characters, each cut to what is left.

    A thought does not count: some templates show it nowhere but before its own answer, and later answers without it.
    """
    left = most
    for turn in turns:
        said, room = _said(turn), max(left, CHARACTERS_BEYOND)
        if len(turn.content) <= room or turn.role == "tools":  # these are JSON, which has no beginning
            yield turn
        elif len(said) == len(turn.content):
            yield turn._replace(content=said[:room])
        else:
            thought = turn.content.removesuffix(said)
            end = thought[thought.rindex("</") :]
            yield turn._replace(content=f"{thought.removesuffix(end)[:most]}{end}{said[:room]}")
        left -= len(said)
        if left < 0 and turn.role == "assistant":
            return


def _is_enough(samples: Sequence[Sample], policy: LengthPolicy) -> bool:
    """Whether nothing that comes after these samples' turns can be among the first `max_length` tokens of a sample."""
    if policy.overlong != "truncate":
        return any(len(sample.ids) > policy.max_length for sample in samples)
    last = samples[-1]
    if len(samples) > 1 and last.supervised[: policy.max_length].any():
        return False  # later samples may show this answer in fewer tokens than this one
    return len(last.ids) > policy.max_length
