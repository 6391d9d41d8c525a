"""Answers that refuse, apologise, speak of being a model, or leave the work to whoever reads them.

What is quoted or stands in code is not said by the model: an exercise may print "sorry" or call a function `i_cannot`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mft_core.evaluation.code_blocks import PYTHON, code_blocks
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.filter import Filter
from mft_core.making.filters.placeholders import SAID_ANYWHERE, placeholder_in_comments, unwritten
from mft_core.records import Turn
from mft_core.support.thoughts import without_thought

APOSTROPHES = str.maketrans("\u2018\u2019", "''")
SHORT_FORMS = {
    r"\bI'm\b": "I am", r"\bcan't\b": "cannot", r"\bcan not\b": "cannot", r"\bwon't\b": "will not",
    r"\bcouldn't\b": "could not", r"\bdon't\b": "do not",
}  # fmt: skip
QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》|«[^»]*»|(?<!\w)'[^'\n]*'(?!\w)")

_AI = (
    r"(?:(?:large |small )?language model|LLM|artificial intelligence|virtual assistant|chatbot"
    r"|AI\b(?:[ -](?:language )?(?:model|assistant|chatbot|system|program))?)"
)
_NO_TRADE = (
    r"(?! (?:engineer|researcher|student|developer|scientist|specialist|expert|enthusiast|beginner|team|company))"
)
_AI_CHINESE = r"大?型?(?:人工智能|人工智慧|AI|语言模型|語言模型|大模型|聊天机器人|聊天機器人|虚拟助手)"
_KIND_CHINESE = r"(?:语言|語言|模型|助手|助理|程序|机器人|機器人|系统)*"
_ONE_CHINESE = r"(?:一|个|個|名|款|种)*"
MODEL_TALK = re.compile(
    "|".join(
        (
            rf"(?<!such )\bas an? (?:\w+ )?{_AI},? (?:(?:developed|trained|created|made) by [\w ]+,? )?(?:I|my)\b",
            rf"\bI am (?:just |only |merely |simply )?an? (?:\w+ )?{_AI}{_NO_TRADE}",
            r"\bI am (?:ChatGPT|Claude|Qwen|Llama|Gemini|DeepSeek)\b",
            r"\bmy (?:training data|knowledge cut-?off|last knowledge update)\b",
            rf"(?:作为|作為){_ONE_CHINESE}{_AI_CHINESE}{_KIND_CHINESE}[，,、 ]*(?:我|本模型|很抱歉|抱歉)",
            rf"我[只仅僅]?[是为為]{_ONE_CHINESE}(?:由.{{1,15}}(?:开发|開發|训练|訓練|创建)的)?{_AI_CHINESE}{_KIND_CHINESE}(?=\W|$)",
            r"我是(?:ChatGPT|通义千问|文心一言|豆包|Claude|DeepSeek)",
        )
    ),
    re.IGNORECASE,
)

_NOT_ABLE = (
    r"(?:cannot|could not|am (?:not able|unable|not allowed|not permitted) to|will not(?: be able to)?"
    r"|do not have (?:the ability|access|enough))"
)
_HELP = (
    r"(?:help|assist|provide|fulfill?|comply|answer|complete|create|generate|write|access|browse|execute|run|support"
    r"|engage|share|give|offer|produce|continue|discuss|respond|process|proceed)"
)
_HELP_CHINESE = (
    r"(?:提供|协助|協助|帮助|幫助|回答|完成|满足|滿足|生成|访问|訪問|执行|執行|编写|編寫|查看|参与|參與|讨论|討論"
    r"|处理|處理)"
)
_NOT_ABLE_CHINESE = r"(?:无法|無法|不能|没办法|沒辦法|没有办法|不便|不会)"
SORRY_REFUSAL = re.compile(
    rf"\b(?:sorry|apologi[sz]e|apologies|unfortunately|afraid|regret)\b[^.!?\n]{{0,60}}\bI {_NOT_ABLE}"
    rf"|(?:抱歉|对不起|對不起|很遗憾|遗憾的是)[^。！？\n]{{0,30}}{_NOT_ABLE_CHINESE}",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    "|".join(
        (
            SORRY_REFUSAL.pattern,
            rf"(?:^|[.!?]\s+|\n)I (?:really |simply )?{_NOT_ABLE} (?:\w+ly )?{_HELP}\b",
            rf"\bI (?:really |simply )?{_NOT_ABLE} (?:\w+ly )?{_HELP}\b(?: you)? (?:with|that|this|your)\b",
            r"\bI (?:must|have to|need to) (?:respectfully |politely )?decline",
            r"\bI am not comfortable\b|\bI do not feel comfortable\b",
            r"\bagainst my (?:guidelines|programming|policy)",
            rf"我{_NOT_ABLE_CHINESE}(?:为|為|给|給|帮|幫|向|直接|继续|完整地)?(?:您|你|用户)?(?:直接)?{_HELP_CHINESE}",
        )
    ),
    re.IGNORECASE,
)
APOLOGY = re.compile(
    r"(?:^|[.!?]\s+|\n)[ \t>*]*(?:oh,? |oops[,!]? )?"
    r"(?:I am (?:so |very |really |truly )?sorry\b(?! to hear)|sorry,|sorry (?:for|about) (?:the|that|my|any)\b"
    r"|my apologies|(?:I |we )?(?:sincerely )?apologi[sz]e\b|apologies\b)"
    r"|(?:^|[。！？!?\n])[ \t>*]*(?:非常|很|十分|实在|真的|真)?"
    r"(?:抱歉|对不起|對不起|不好意思)(?:[，,。！!]|$|我|之前|刚才)",
    re.IGNORECASE,
)
ABOUT_APOLOGIES = re.compile(r"\bsorry\b|apolog|道歉|抱歉|对不起|對不起|致歉", re.IGNORECASE)
"""An instruction that asks for one, such as a letter."""
BEGINNING = 300
"""Characters of what is said in which an answer that refuses says so: later on, `I cannot` is about the matter."""
SHOWN = 60


class RefusalsFilter(Filter):
    """Leaves out answers that are none, and instructions in which the model speaks of itself."""

    name = "refusals"

    def check(self, draft: Draft, author: Author) -> None:
        """See the class."""
        first, *_ = _turns(draft, "user") or [Turn("user", "")]
        check_instruction(first.content)
        for turn in (*_turns(draft, "user"), *_turns(draft, "assistant")):
            _refuse("talk of being a model", MODEL_TALK, _prose(without_thought(turn.content)))
        for turn in _turns(draft, "assistant"):
            said = without_thought(turn.content)
            prose = _prose(said)
            _refuse("refusal", REFUSAL, prose[:BEGINNING])
            if not ABOUT_APOLOGIES.search(first.content):
                _refuse("apology", APOLOGY, prose)
            _refuse("placeholder", SAID_ANYWHERE, prose)
            if match := placeholder_in_comments(said):
                raise Refused("placeholder", _around(match))
        if draft.code is not None and draft.code.language.lower() in PYTHON and (names := unwritten(draft.code)):
            raise Refused("unwritten function", ", ".join(names))


def check_instruction(text: str) -> None:
    """Let an instruction pass that a model wrote, before its answer is paid for.

    Raises:
        Refused: it is a refusal, or the model speaks of itself.
    """
    prose = _prose(text)
    _refuse("refusal", SORRY_REFUSAL, prose[:BEGINNING])
    _refuse("talk of being a model", MODEL_TALK, prose)


def _turns(draft: Draft, role: str) -> list[Turn]:
    return [turn for turn in draft.turns if turn.role == role]


def _refuse(reason: str, pattern: re.Pattern[str], text: str) -> None:
    if match := pattern.search(text):
        raise Refused(reason, _around(match))


def _around(match: re.Match[str]) -> str:
    return repr(" ".join(match.string[match.start() :].split())[:SHOWN])


def _prose(text: str) -> str:
    """What is said, without code blocks, code in lines, and quotations, and with short forms written out."""
    said = QUOTED.sub(" ", "".join(outside_blocks(text)).translate(APOSTROPHES)).strip()
    for short, long in SHORT_FORMS.items():
        said = re.sub(short, long, said, flags=re.IGNORECASE)
    return said


def outside_blocks(text: str) -> Iterator[str]:
    """What stands around the code blocks of a text."""
    for block in code_blocks(text):
        if block.code:
            before, _, text = text.partition(block.code)
            yield f"{before}\n"
    yield text
