from __future__ import annotations

import numpy as np
import pytest

from mft_core.data.splitting import choose, split_off


def digests(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64)


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1), (10, 1), (100, 5), (1000, 50)])
def test_a_share_is_split_off_and_never_nothing_or_all_unless_asked_for(count: int, expected: int) -> None:
    assert split_off(digests(count), 0.05, 0).sum() == expected
    assert split_off(digests(count), 0.99999, 0).sum() == max(count - 1, 0)
    assert split_off(digests(count), 1.0, 0).all()
    assert split_off(digests(count), 0.0, 0).sum() == 0


def test_equal_contents_fall_on_one_side() -> None:
    repeated = np.repeat(digests(50), 3)
    sides = split_off(repeated, 0.2, 0).reshape(50, 3)
    assert (sides == sides[:, :1]).all()
    assert sides[:, 0].sum() == 10
    assert not split_off(np.repeat(digests(1), 9), 0.5, 0).any()


def test_the_split_follows_content_not_order() -> None:
    content = digests(200)
    order = np.random.default_rng(1).permutation(200)
    assert (split_off(content[order], 0.1, 3) == split_off(content, 0.1, 3)[order]).all()


def test_seeds_differ() -> None:
    content = digests(400)
    assert (split_off(content, 0.1, 0) != split_off(content, 0.1, 1)).any()
    assert (choose(content, 40, 0) != choose(content, 40, 1)).any()


def test_the_choice_is_exact_ascending_and_stable() -> None:
    content = digests(300)
    chosen = choose(content, 30, 0)
    assert len(chosen) == 30
    assert (np.diff(chosen) > 0).all()
    assert (choose(content, 30, 0) == chosen).all()
    assert set(choose(content, 20, 0)) < set(chosen)
    assert (choose(content, 0, 0) == np.arange(300)).all()
    assert (choose(content, 400, 0) == np.arange(300)).all()
    assert len(choose(np.repeat(content[:1], 9), 4, 0)) == 4


def test_choosing_does_not_favour_what_the_split_took() -> None:
    content = digests(4000)
    validates = split_off(content, 0.5, 0)
    assert 350 < validates[choose(content, 800, 0)].sum() < 450
