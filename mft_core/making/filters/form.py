"""What can be seen of a record without understanding it: nothing is empty, cut off, repeated, or code that is none."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from mft_core.audit.shingles import folded
from mft_core.evaluation.code_blocks import PYTHON, Block, code_blocks
from mft_core.evaluation.python_parsing import parse
from mft_core.making.author import Author
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.filter import Filter
from mft_core.making.filters.natural_language import LEAST_WORDS, is_foreign
from mft_core.records import Turn
from mft_core.support.thoughts import without_thought

SAME_LANGUAGE = (
    {"python", "py", "python3"}, {"javascript", "js", "node", "nodejs"}, {"typescript", "ts"}, {"go", "golang"},
    {"c++", "cpp", "cc", "cxx"}, {"c#", "csharp", "cs"}, {"bash", "sh", "shell", "zsh"}, {"rust", "rs"},
    {"sql", "sqlite", "mysql", "postgresql", "postgres"}, {"kotlin", "kt"}, {"ruby", "rb"},
)  # fmt: skip
"""Names of one language each."""
UNMARKED = ("", "text", "txt", "plaintext", "plain", "output", "console")
"""Marks of blocks that say nothing of a language."""
SESSION = re.compile(r"^\s*(?:>>>|In \[\d+\]:|\$|[!%])", re.MULTILINE)
"""What is typed at a prompt, which is no program."""
LONGEST_CYCLE, LEAST_CYCLES, LEAST_LINES = 8, 4, 12
"""Lines that return in the same order, how often they must, and how many they are then."""
MOST_OF_ONE_LINE = 20
LEAST_CHARACTERS_REPEATED = 120
LONGEST_TABLE = 1000
"""Characters of a row of numbers that somebody may want."""
MOST_ADDED = 10
"""Characters that an answer has besides the instruction that it repeats."""
RUN = re.compile(r"([^\n]{3,60}?)\1{9,}")
LEAST_WORDS_OF_ANSWER = 12
"""A sentence around code in another language is no answer in it."""
SHOWN = 60


class FormFilter(Filter):
    """Leaves out what is empty, too short or too long, repeats itself, has an open code block or is no code.

    Args:
        least_characters: of what an answer says after its thought, all turns together.
        most_characters: of all that it says.
        parses: Python must parse: the code of the draft, and what answers mark as Python.
        language: "en" or "zh", in which instructions and answers must be; "": in any.
    """

    name = "form"

    def __init__(self, least_characters: int, most_characters: int, *, parses: bool, language: str = "") -> None:
        self._least = least_characters
        self._most = most_characters
        self._parses = parses
        self._language = language

    def check(self, draft: Draft, author: Author) -> None:
        """See the class."""
        _check_turns(draft.turns)
        self._check_length(draft)
        self._check_natural_language(draft)
        for turn in _answers(draft):
            _check_repetition(turn.content)
        blocks = [block for turn in _answers(draft) for block in code_blocks(without_thought(turn.content))]
        for block in blocks:
            if not block.closed:
                raise Refused("code block without end", _shown(block.code))
        if draft.code is not None:
            _check_language(draft.code.language, blocks)
        if self._parses:
            _check_parses(draft.code, blocks)

    def _check_natural_language(self, draft: Draft) -> None:
        for turn in draft.turns:
            said, least = turn.content, LEAST_WORDS
            if turn.role == "assistant":
                said, least = without_thought(said), LEAST_WORDS_OF_ANSWER
            if is_foreign(said, self._language, least):
                raise Refused("another natural language", f"{_shown(said)} instead of {self._language}")

    def _check_length(self, draft: Draft) -> None:
        if len(draft.answer) > self._most:
            raise Refused("answer too long", f"{len(draft.answer)} characters, more than {self._most}")
        said = sum(len(without_thought(turn.content).strip()) for turn in _answers(draft))
        if said < self._least:
            raise Refused("answer too short", f"{said} characters, fewer than {self._least}")


def _answers(draft: Draft) -> list[Turn]:
    return [turn for turn in draft.turns if turn.role == "assistant"]


def _check_turns(turns: Sequence[Turn]) -> None:
    """Every turn says something, and no answer what was asked."""
    asked = ""
    for number, turn in enumerate(turns, 1):
        said = without_thought(turn.content) if turn.role == "assistant" else turn.content
        if turn.role == "user" and not said.strip():
            raise Refused("empty instruction", f"turn {number}")
        if turn.role == "assistant" and not said.strip() and not turn.calls:
            raise Refused("empty answer", f"turn {number}")
        if turn.role == "assistant" and _says_the_same(folded(asked), folded(said)):
            raise Refused("answer repeats the instruction", _shown(said))
        asked = turn.content if turn.role == "user" else asked


def _says_the_same(asked: str, said: str) -> bool:
    """Whether one has the other in it, and hardly more: a completed function has its beginning in it, too."""
    shorter, longer = sorted((asked, said), key=len)
    return len(longer) - len(shorter) <= MOST_ADDED < len(shorter) and shorter in longer


def _check_repetition(text: str) -> None:
    """Models that lose their way say the same for ever: lines in the same order, a line, a few words."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    for length in range(1, LONGEST_CYCLE + 1):
        if place := _cycle(lines, length):
            raise Refused("repetition", f"{_shown(lines[place - 1])} again and again")
    ((line, count),) = Counter(lines).most_common(1) or [("", 0)]
    if count >= max(MOST_OF_ONE_LINE, len(lines) / 2) and _tells(line, count * len(line)):
        raise Refused("repetition", f"{count} times {_shown(line)}")
    for match in RUN.finditer(text):
        if len(match[0]) >= LEAST_CHARACTERS_REPEATED and _tells(match[1], len(match[0])):
            raise Refused("repetition", f"{_shown(match[1])} again and again")


def _cycle(lines: Sequence[str], length: int) -> int:
    """How many lines there are when so many have returned often enough; 0: they never have."""
    repeated = 0
    for place in range(length, len(lines)):
        repeated = repeated + 1 if lines[place] == lines[place - length] else 0
        whole = repeated + length
        if repeated and whole >= max(LEAST_LINES, LEAST_CYCLES * length):
            unit = "".join(lines[place - length + 1 : place + 1])
            if _tells(unit, len(unit) * whole // length):
                return place + 1
    return 0


def _tells(text: str, characters: int) -> bool:
    """Whether it has letters enough to be no ruler, table or row of numbers; or goes on for longer than these do."""
    return len(set(filter(str.isalpha, text))) >= 2 or (characters >= LONGEST_TABLE and any(map(str.isalnum, text)))


def _check_language(language: str, blocks: Sequence[Block]) -> None:
    """One of the answer's blocks is in the language that was asked for, or says nothing of one."""
    names = next((names for names in SAME_LANGUAGE if language.lower() in names), {language.lower()})
    marks = [block.language for block in blocks]
    if marks and not any(mark in names or mark in UNMARKED for mark in marks):
        raise Refused("another language", f"{', '.join(dict.fromkeys(marks))} instead of {language}")


def _check_parses(code: Code | None, blocks: Sequence[Block]) -> None:
    marked = (block.code for block in blocks if block.language in PYTHON and block.language)
    sources = [textwrap.dedent(source) for source in marked if not SESSION.search(source)]
    if code is not None and code.language.lower() in PYTHON:
        if not _does_something(code.source):
            raise Refused("no code", _shown(code.source))
        sources.append(code.source)
    for problem in _problems(sources):
        raise Refused("does not parse", problem)


def _does_something(source: str) -> bool:
    """Whether there is a statement in it but text and `pass`; also where it does not parse."""
    try:
        body = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(source.strip())
    return any(not _is_idle(statement) for statement in body)


def _is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _problems(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        try:
            parse(source)
        except SyntaxError as error:
            yield f"line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            yield f"{type(error).__name__}: {error}"


def _shown(text: str) -> str:
    return repr(" ".join(text.split())[:SHOWN])
