"""Near duplicates by MinHash (Broder 1997) and locality-sensitive hashing; signatures are the library rensa's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mft_core.errors import MftError

PERMUTATIONS, BANDS = 64, 16
"""Bands of four: of texts that share 70% of their sequences 99% meet in one, of those that share 40%, a third."""
SEED = 42


class Signatures:
    """MinHash signatures of texts, a few hundred bytes each, whatever the texts' lengths."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def add(self, shingles: Sequence[np.ndarray]) -> None:
        """Those of further texts, from uint64 [sequences] of each; of an empty one, one that nothing is similar to.

        Raises:
            MftError: rensa is not installed.
        """
        try:
            import rensa
        except ImportError as error:
            raise MftError(
                "Near duplicates are found by the package rensa.", "Install it: pip install 'mft[audit]'"
            ) from error
        if not shingles:
            return
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in shingles])]).astype(np.uint64)
        flat = np.concatenate([*shingles, np.zeros(0, np.uint64)])
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, num_perm=PERMUTATIONS, seed=SEED)
        self._parts.append(np.array(matrix.to_rows(), np.uint32).reshape(len(shingles), PERMUTATIONS))

    def pairs(self, threshold: float) -> Iterator[tuple[int, int, float]]:
        """(an earlier text, a later one, the share of sequences they have in common, estimated) of all that are alike.

        Of several that are alike to one another, each is told with the first of them alone.

        Args:
            threshold: the least share.
        """
        signatures = np.concatenate([*self._parts, np.zeros((0, PERMUTATIONS), np.uint32)])
        found: dict[int, tuple[int, float]] = {}
        for first, later in _candidates(signatures):
            same = (signatures[first] == signatures[later]).mean(axis=1)
            for one, other, share in zip(
                first[same >= threshold], later[same >= threshold], same[same >= threshold], strict=True
            ):
                known = found.get(int(other))
                if known is None or one < known[0]:
                    found[int(other)] = (int(one), float(share))
        for later_text in sorted(found):
            yield found[later_text][0], later_text, found[later_text][1]


def _candidates(signatures: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each band: the first text with the same numbers there, and every later one with it."""
    empty = (signatures == np.iinfo(np.uint32).max).all(axis=1)
    texts = np.flatnonzero(~empty)
    width = PERMUTATIONS // BANDS
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[texts, band * width : (band + 1) * width])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * width))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        earlier = first[inverse]
        repeated = earlier != np.arange(len(texts))
        yield texts[earlier[repeated]], texts[repeated]
