"""What a model said, read: numbered lists, instructions without what is put around them, code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mft_core.evaluation.code_blocks import code_blocks
from mft_core.support.thoughts import without_thought

LABELS = r"instruction|exercise|task|problem|question|item|new task|指令|练习|任务|题目|问题|习题|新任务"
NUMBER = re.compile(
    rf"^(?P<indent>[ \t]*)(?:#+[ \t]*)?(?:\*\*|__)?(?:(?:{LABELS})[ \t]*)?(?P<number>\d{{1,2}})"
    r"(?:[.)、．:：](?!\d)(?:\*\*|__)?|(?:\*\*|__)[.):：]?)[ \t]*",
    re.IGNORECASE,
)
"""The beginning of an item: "1. ", "2) ", "3、", "**4.** ", "### Task 5: ", "练习6："."""
FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
LABEL = re.compile(
    rf"^(?:#+[ \t]*)?(?:[*_]{{1,2}})?(?:{LABELS})(?:[*_]{{1,2}})?[ \t]*[:：](?:[*_]{{1,2}})?[ \t]*", re.IGNORECASE
)
PREAMBLE = re.compile(
    r"\A(?:(?:sure|certainly|of course|absolutely|okay|好的|当然(?:可以)?|没问题)\b"
    r"[^\n:：]{0,80}[!！.。,，:：]?[ \t]*\n+)?"
    rf"(?:(?:here(?:'s| is| are)|以下是|下面是)[^\n]{{0,60}}?(?:{LABELS})[^\n]{{0,40}}[:：][ \t]*\n+)?",
    re.IGNORECASE,
)
"""What a model says before it does what it was asked for: "Sure! Here is the task:" on lines of its own."""
CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def numbered(text: str) -> list[str]:
    """The items of a numbered list, whatever stands before it; without numbers, all of it is one item.

    An item goes on until the next number in turn that stands no further to the right than the first did, outside of
    code: lists and code within an item are part of it.
    """
    said = without_thought(text).strip()
    items: list[list[str]] = []
    indent, fence = 0, ""
    for line in said.splitlines():
        mark, start = FENCE.match(line), NUMBER.match(line)
        if not fence and start and int(start["number"]) == len(items) + 1:
            place = len(start["indent"].expandtabs())
            if not items:
                indent = place
            if place <= indent:
                items.append([line[start.end() :]])
                continue
        if mark:
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        if items:
            items[-1].append(line)
    found = [plain("\n".join(lines)) for lines in items] if items else [plain(said)]
    return [item for item in found if item]


def plain(text: str) -> str:
    """A text without a thought or politeness before it, a label such as "Task:", or quotes or emphasis around it."""
    said = without_thought(text).strip()
    said = LABEL.sub("", PREAMBLE.sub("", said, count=1), count=1).strip()
    for mark in ("**", '"', "“"):
        end = {"“": "”"}.get(mark, mark)
        inner = said[len(mark) : -len(end)]
        if len(said) > 2 * len(mark) and said.startswith(mark) and said.endswith(end) and mark not in inner:
            said = inner.strip()
    return said


def folded(text: str) -> str:
    """Equal for texts that differ only in case, white space, punctuation and forms of the same character."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in normal if character.isalnum() or character in "+-*/<>=%")


def code_in(text: str) -> str:
    """The code of an answer: its blocks, one after another; an answer without any is taken as it is."""
    said = without_thought(text)
    blocks = [block.code.strip("\n") for block in code_blocks(said)]
    return "\n\n".join(block for block in blocks if block.strip()) or said.strip("\n")


def prose_of(text: str) -> str:
    """A text without its code: what people say to each other in it."""
    return "\n".join(_outside_fences(text))


def words(text: str) -> int:
    """Words, each Chinese character counting as one."""
    return len(CJK.findall(text)) + len(CJK.sub(" ", text).split())


def _outside_fences(text: str) -> Iterator[str]:
    fence = ""
    for line in text.splitlines():
        mark = FENCE.match(line)
        if mark:
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        elif not fence:
            yield line
