"""Texts as sets of numbers: which of their short sequences of words they have, in two views of what matters.

In the view of text, words count, whatever their case, punctuation and white space; in Chinese and Japanese, which put
no spaces between words, every character is one. In the view of code, so do signs and
numbers, while a name is only how long ago it was last used: a copy with other names has the same numbers.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
"""Ideographs and kana. Hangul has spaces between words."""
WORDS = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
TOKENS = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?|[^\w\s\"'(),;]")
"""Quotes, brackets, commas and semicolons are left out: formatters put them in, take them away and change them."""
COMMENTS = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/|\"\"\".*?\"\"\"|'''.*?'''", re.DOTALL)
KEYWORDS = frozenset(
    """
    and as assert async await bool boolean break case catch class const continue def del do elif else enum except export
    extends false finally float for from global if implements import in instanceof int lambda let nil none not
    null or pass private protected public raise return self static struct super switch this throw throws true try
    typedef typename unsigned using void while with yield
    """.split()  # noqa: SIM905 - a list of them, one on a line, is no better to read
)
"""Names that mean something by themselves, in the languages of code data; in lower case.

Without those of one language that programs in another call a variable by ("string", "map", "char", "func",
"vector", "new"): a copy of such a program with other names would be another program.
"""

NAME = 1 << 40
TEXT_LENGTH, CODE_LENGTH = 8, 12
"""Words of a sequence in the view of text, tokens of one in the view of code."""
LEAST_SIGNS = 4
"""Tokens of a sequence of code that are no names: in prose, which has hardly any, all sequences would look alike."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def words(text: str) -> list[str]:
    """In lower case."""
    return WORDS.findall(text.lower())


def folded(text: str) -> str:
    """Equal for texts that differ in white space and case alone."""
    return " ".join(text.split()).lower()


def text_digest(text: str) -> int:
    """64 bits, equal for texts that differ in white space and case alone."""
    return int.from_bytes(
        hashlib.blake2b(folded(text).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


def text_shingles(text: str) -> np.ndarray:
    """uint64 [sequences], distinct: of words, in the view of text; of a shorter text one for all of it."""
    return np.unique(_sequences([_number(word) for word in words(text)], TEXT_LENGTH))


def record_shingles(text: str) -> np.ndarray:
    """uint64 [sequences]: in both views, as near duplicates are found by."""
    return np.concatenate([text_shingles(text), code_shingles(text)])


def code_shingles(text: str) -> np.ndarray:
    """uint64 [sequences], distinct: of tokens, in the view of code, comments left out; none of a shorter one."""
    codes = _code_numbers(TOKENS.findall(COMMENTS.sub(" ", text)))
    if len(codes) < CODE_LENGTH:
        return np.zeros(0, np.uint64)
    names = np.cumsum([0, *(code >= NAME for code in codes)])
    telling = names[CODE_LENGTH:] - names[:-CODE_LENGTH] <= CODE_LENGTH - LEAST_SIGNS
    return np.unique(_sequences(codes, CODE_LENGTH)[telling])


def _code_numbers(tokens: Sequence[str]) -> list[int]:
    """A number for each token; for a name, how many tokens ago it stood last, if that was less than a sequence ago."""
    last: dict[str, int] = {}
    numbers = []
    for place, token in enumerate(tokens):
        if (token[0].isalpha() or token[0] == "_") and token.lower() not in KEYWORDS:
            since = place - last.get(token, -CODE_LENGTH)
            numbers.append(NAME + (since if since < CODE_LENGTH else 0))
            last[token] = place
        else:
            numbers.append(_number(token))
    return numbers


@lru_cache(1 << 16)
def _number(word: str) -> int:
    """The same in every process, unlike `hash`."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def _sequences(numbers: Sequence[int], length: int) -> np.ndarray:
    """Hashes of all runs of `length` numbers; one for all of them where there are fewer."""
    if not numbers:
        return np.zeros(0, np.uint64)
    length = min(length, len(numbers))
    values = np.array(numbers, np.uint64) * MULTIPLIER
    values ^= values >> np.uint64(29)
    total = np.zeros(len(values) - length + 1, np.uint64)
    for offset in range(length):
        total = total * np.uint64(0x100000001B3) + values[offset : len(values) - length + 1 + offset]
    total ^= total >> np.uint64(32)
    return total * MULTIPLIER
