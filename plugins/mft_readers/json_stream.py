"""A JSON document read bit by bit: its values one after the other, each as the text that it was."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from itertools import count
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from mft_core.data.jsonl import LONGEST_LINE
from mft_core.errors import MftError

WHITE_SPACE = " \t\n\r"
MOST_OF_A_VALUE = LONGEST_LINE
"""Characters of one value: a longer one is no record."""
LONGEST_WORD = 16
"""Characters of a word or an escape, which may be cut at the end of what was read."""


class JsonStream:
    """Reads values and punctuation of a document, of which it keeps a few blocks at a time.

    Args:
        blocks: its bytes in UTF-8.
        path: of the file, for messages.
    """

    def __init__(self, blocks: Iterable[bytes], path: Path) -> None:
        self._blocks = iter(blocks)
        self._path = path
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text, self._position, self._before = "", 0, 0
        self._inside = ""
        self._ended = False
        self._parser = json.JSONDecoder(parse_int=float)  # of any length: the text of a value is what is read

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            while self._position < len(self._text):
                character = self._text[self._position]
                if character not in WHITE_SPACE:
                    return character
                self._position += 1
            if self._ended:
                return ""
            self._more(1)

    def take(self, expected: str) -> bool:
        """Whether the next character is one of `expected`; it is then behind.

        Raises:
            MftError: it is not.
        """
        if (found := self.peek()) and found in expected:
            self._position += 1
            return True
        raise self.fault(f"expected {' or '.join(expected)}, found {found or 'the end of the file'}")

    def value(self) -> tuple[Any, str]:
        """The next value, and the text that it is.

        Raises:
            MftError: there is none, it is cut short, nested too deep, or longer than any record.
        """
        self.peek()
        while True:
            try:
                value, end = self._parser.raw_decode(self._text, self._position)
            except JSONDecodeError as error:
                if self._ended or self._is_certain(error):
                    raise self.fault(error.msg, error.pos) from error
            except RecursionError as error:
                raise self.fault("a value that is nested too deep") from error
            else:
                # A number at the very end of what is there may go on: 12 of 123.
                if end < len(self._text) or self._ended:
                    text = self._text[self._position : end]
                    self._position = end
                    return value, text
            self.refuse_long(len(self._text) - self._position)
            self._more(len(self._text) - self._position)  # twice as much: a long value is tried a few times only

    def _is_certain(self, error: JSONDecodeError) -> bool:
        """Whether no more text would mend it: else a whole file would be taken in after a mistake in its middle."""
        return not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - LONGEST_WORD

    def elements(self) -> Iterator[tuple[Any, str]]:
        """The values of an array, which comes next."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        for index in count():
            self._inside = f"[{index}]"
            yield self.value()
            if self.peek() == "]":
                self.take("]")
                self._inside = ""
                return
            self.take(",")

    def refuse_long(self, size: int) -> None:
        """Refuse a value, or what was gathered of several, that has more characters than any record.

        Raises:
            MftError: it has.
        """
        if size > MOST_OF_A_VALUE:
            raise self.fault(f"a value of more than {MOST_OF_A_VALUE:,} characters")

    def end(self) -> None:
        """Refuse anything behind.

        Raises:
            MftError: there is something.
        """
        if self.peek():
            raise self.fault("something behind the end of the document")

    def fault(self, what: str, position: int | None = None) -> MftError:
        """An error that says where in the file something is wrong."""
        character = self._before + (self._position if position is None else position)
        return MftError(
            f"{self._path}{self._inside} is not whole JSON: {what} (character {character:,}).",
            "Is the file cut short? `python -m json.tool FILE` says more of a small one.",
        )

    def without_records(self, why: str) -> MftError:
        """An error that says why whole JSON has no list of records."""
        hint = "Let it be an array of records, or an object that holds one list of them; or write JSON Lines."
        return MftError(f"{self._path} is JSON, but {why}.", hint)

    def _more(self, least: int) -> None:
        """Take in at least so many characters more, unless the document ends."""
        parts, taken = [], 0
        while taken < max(least, 1) and not self._ended:
            block = next(self._blocks, None)
            try:
                text = self._decode(block or b"", final=block is None)
            except UnicodeDecodeError as error:
                raise self.fault(f"not UTF-8: {error.reason}") from error
            self._ended = block is None
            parts.append(text)
            taken += len(text)
        self._before += self._position
        self._text = self._text[self._position :] + "".join(parts)
        self._position = 0
