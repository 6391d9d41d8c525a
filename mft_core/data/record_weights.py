"""How much a record and its answers count: the keys for it, and what they may hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mft_core.errors import RecordError
from mft_core.records import Record

WEIGHTS = ("weight", "sample_weight", "loss_weight", "loss_scale")
SWITCHES = ("train", "training", "trainable", "loss", "supervised", "compute_loss")
"""Keys that say whether to learn; a turn may have a number under them as well."""

SMALLEST, LARGEST = 1e-20, 1e20
"""Of a weight that is not 0: products and sums of losses stay in the range of float32."""
WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


def weighted(record: Record, value: Mapping[str, Any]) -> Record:
    """The record with the weight that the object it was read from gives it.

    Raises:
        RecordError: "bad weight", or "ambiguous fields" where two keys have different ones.
    """
    # A number under "loss" of a record is as a rule a loss that somebody measured.
    off = any(is_switched_off(held) for _, held in _given(value, SWITCHES))
    weight = 0.0 if off else _agreed({key: _number(key, held, "the record") for key, held in _given(value, WEIGHTS)})
    for turn in record.turns:
        product = weight * turn.weight
        if weight and turn.weight and not SMALLEST <= product <= LARGEST:
            raise _bad("the weight of the record times that of an answer", product)
    return record if weight == 1.0 else replace(record, weight=weight)


def answer_weight(item: Mapping[str, Any], where: str) -> float:
    """The factor on the tokens of an answer: 1 where its turn says nothing, 0 where it is not to be learned.

    Args:
        item: the turn.
        where: "turn 2", for the message.

    Raises:
        RecordError: as `weighted`.
    """
    weights = {key: _number(key, held, where) for key, held in _given(item, WEIGHTS)}
    for key, held in _given(item, SWITCHES):
        if is_switch(held):
            says = _number(key, held, where)
            if says != 1.0:
                weights[key] = says
    return _agreed(weights)


def is_switched_off(value: Any) -> bool:
    """Whether it says no: false, 0, or either as text."""
    return is_switch(value) and _as_number(value) == 0.0


def is_switched_on(value: Any) -> bool:
    """Whether it says yes: true, 1, or either as text."""
    return is_switch(value) and _as_number(value) == 1.0


def is_switch(value: Any) -> bool:
    """Whether it says yes or no, or how much; anything else under such a key says something that is not known."""
    return _as_number(value) is not None


def _given(value: Mapping[str, Any], names: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Those keys that are one of `names`, in whatever case, and hold something."""
    for key, held in value.items():
        if key.lower() in names and held is not None and not (isinstance(held, str) and not held.strip()):
            yield key, held


def _agreed(weights: Mapping[str, float]) -> float:
    if 0.0 in weights.values():
        return 0.0
    if len(set(weights.values())) > 1:
        raise RecordError("ambiguous fields", f"there are different weights under {', '.join(weights)}")
    return next(iter(weights.values()), 1.0)


def _number(key: str, held: Any, where: str) -> float:
    weight = _as_number(held)
    if weight is None or not (weight == 0 or SMALLEST <= weight <= LARGEST):
        raise _bad(f"{key!r} of {where}", held)
    return weight


def _as_number(held: Any) -> float | None:
    """A number, a text that is one (as CSV has it), or yes as 1 and no as 0."""
    if isinstance(held, str):
        held = WORDS.get(held.strip().lower(), held)
    try:
        return float(held) if isinstance(held, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _bad(what: str, held: Any) -> RecordError:
    allowed = f"a weight is 0 or a number from {SMALLEST:g} to {LARGEST:g}"
    return RecordError("bad weight", f"{what} is {str(held)[:40]!r}; {allowed}")
