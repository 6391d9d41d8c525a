from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rensa", reason="near duplicates need the extra audit")

from mft_core.audit.similar import KnownTexts, Signatures


def sets(*shares: float) -> list[np.ndarray]:
    """A set of 400 numbers, and others of which so much is in common with it (as a Jaccard index)."""
    generator = np.random.default_rng(0)
    first = generator.integers(0, 1 << 60, 400, np.uint64)
    made = [first]
    for share in shares:
        same = round(400 * 2 * share / (1 + share))
        made.append(np.concatenate([first[:same], generator.integers(0, 1 << 60, 400 - same, np.uint64)]))
    return made


def test_alike_texts_are_paired_with_the_first_of_them() -> None:
    signatures = Signatures()
    first, same, near, far = sets(1.0, 0.9, 0.2)
    signatures.add([first, np.zeros(0, np.uint64)])
    signatures.add([far, near, same, np.zeros(0, np.uint64)])
    pairs = list(signatures.pairs(0.7))
    assert [(one, other) for one, other, _ in pairs] == [(0, 3), (0, 4)]
    assert pairs[1][2] == 1.0
    assert pairs[0][2] == pytest.approx(0.9, abs=0.1)


def test_recall_and_false_alarms() -> None:
    signatures = Signatures()
    for seed in range(200):
        generator = np.random.default_rng(seed)
        one = generator.integers(0, 1 << 60, 100, np.uint64)
        other = np.concatenate([one[:92], generator.integers(0, 1 << 60, 8, np.uint64)])
        half = np.concatenate([one[:50], generator.integers(0, 1 << 60, 50, np.uint64)])
        signatures.add([one, other, half])
    pairs = {(first, later) for first, later, _ in signatures.pairs(0.7)}
    assert sum((3 * number, 3 * number + 1) in pairs for number in range(200)) >= 190
    assert all(later % 3 == 1 for _, later in pairs)


def test_nothing_has_no_pairs() -> None:
    assert list(Signatures().pairs(0.5)) == []


def test_one_by_one_the_same_is_found_as_all_at_once() -> None:
    known, signatures = KnownTexts(), Signatures()
    first, same, near, far = sets(1.0, 0.9, 0.2)
    texts = [first, np.zeros(0, np.uint64), far, near, same, np.zeros(0, np.uint64)]
    found = []
    for number, text in enumerate(texts):
        if (nearest := known.most_alike(text, 0.7)) is not None:
            found.append((nearest[0], number, nearest[1]))
        known.add(text)
    signatures.add(texts)
    assert found == list(signatures.pairs(0.7))
    assert len(found) == 2


def test_the_most_alike_of_several_is_told() -> None:
    known = KnownTexts()
    first, near, nearer = sets(0.75, 0.9)
    known.add(near)
    known.add(nearer)
    number, share = known.most_alike(first, 0.5) or (-1, 0.0)
    assert number == 1
    assert share == pytest.approx(0.9, abs=0.1)
    assert known.most_alike(first, 0.999) is None
