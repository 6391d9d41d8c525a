"""Near duplicates by MinHash (Broder 1997) and locality-sensitive hashing; signatures are the library rensa's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mft_core.errors import MftError

PERMUTATIONS, BANDS = 64, 16
"""Bands of four: of texts that share 70% of their sequences 99% meet in one, of those that share 40%, a third."""
SEED = 42


def signatures_of(shingles: Sequence[np.ndarray]) -> np.ndarray:
    """uint32 [texts, PERMUTATIONS], from uint64 [sequences] of each text; of an empty one, one that nothing is similar
    to.

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
        return np.zeros((0, PERMUTATIONS), np.uint32)
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in shingles])]).astype(np.uint64)
    flat = np.concatenate([*shingles, np.zeros(0, np.uint64)])
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, num_perm=PERMUTATIONS, seed=SEED)
    return np.array(matrix.to_rows(), np.uint32).reshape(len(shingles), PERMUTATIONS)


class Signatures:
    """MinHash signatures of many texts, a few hundred bytes each, whatever the texts' lengths, compared all at once."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def add(self, shingles: Sequence[np.ndarray]) -> None:
        """Those of further texts, as `signatures_of` has them.

        Raises:
            MftError: rensa is not installed.
        """
        self._parts.append(signatures_of(shingles))

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


class KnownTexts:
    """MinHash signatures of texts that come one by one, each compared with those before it."""

    def __init__(self) -> None:
        self._signatures: list[np.ndarray] = []
        self._buckets: dict[tuple[int, bytes], list[int]] = {}

    def most_alike(self, shingles: np.ndarray, threshold: float) -> tuple[int, float] | None:
        """(which of those added has most sequences in common, what share, estimated); the earliest of several.

        Args:
            shingles: uint64 [sequences].
            threshold: None is returned where all shares are smaller.

        Raises:
            MftError: rensa is not installed.
        """
        (signature,) = signatures_of([shingles])
        met = sorted({number for key in _keys(signature) for number in self._buckets.get(key, ())})
        if not met:
            return None
        shares = (np.stack([self._signatures[number] for number in met]) == signature).mean(axis=1)
        best = int(shares.argmax())
        return (met[best], float(shares[best])) if shares[best] >= threshold else None

    def add(self, shingles: np.ndarray) -> None:
        """One more, whose number is how many there were.

        Raises:
            MftError: rensa is not installed.
        """
        (signature,) = signatures_of([shingles])
        for key in _keys(signature):
            self._buckets.setdefault(key, []).append(len(self._signatures))
        self._signatures.append(signature)


def _keys(signature: np.ndarray) -> list[tuple[int, bytes]]:
    """(band, its numbers) of one signature; none of an empty text."""
    if _is_empty(signature):
        return []
    return [(band, part.tobytes()) for band, part in enumerate(signature.reshape(BANDS, -1))]


def _is_empty(signatures: np.ndarray) -> np.ndarray:
    """bool [...]: whose texts have no sequences."""
    return (signatures == np.iinfo(np.uint32).max).all(axis=-1)


def _candidates(signatures: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each band: the first text with the same numbers there, and every later one with it."""
    texts = np.flatnonzero(~_is_empty(signatures))
    width = PERMUTATIONS // BANDS
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[texts, band * width : (band + 1) * width])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * width))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        earlier = first[inverse]
        repeated = earlier != np.arange(len(texts))
        yield texts[earlier[repeated]], texts[repeated]
