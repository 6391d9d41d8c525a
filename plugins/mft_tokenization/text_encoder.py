"""Plain text to token ids, in which control tokens are never recognised and no prefix space appears in the middle."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from mft_core.errors import MftError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Place = Literal["start", "after control", "continuation"]
"""Where a piece of text stands: at the start of the sequence, after a control token, or right after other text."""


class PlacedText(NamedTuple):
    """A piece of text and where it stands."""

    text: str
    place: Place


STAND_IN = "\ue0fc"
HIDDEN = re.compile(STAND_IN + "([0-9]+)\ue0fb")
BARRED = re.compile("<[|\uff5c].*[|\uff5c]>")
"""Control tokens that some tokenizers do not flag as special, such as <|fim_prefix|>; some use the full-width bar."""


class TextEncoder:
    """A tokenizer's own rules for text, without its control tokens.

    Control tokens are the added tokens that are flagged special, look like it, or stand in the chat template. They are
    inserted by id, never found in text. Other added tokens (runs of spaces, HTML tags) are vocabulary like any other.

    Args:
        tokenizer: a fast tokenizer; it is copied, not changed.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        state["truncation"] = state["padding"] = None
        self.controls: dict[str, dict[str, Any]] = {
            token["content"]: token for token in state["added_tokens"] if _is_control(token, tokenizer)
        }
        self.ends = {tokenizer.eos_token, *(text for text, token in self.controls.items() if token["special"])}
        self.specials = [text for text, token in self.controls.items() if token["special"]]
        for token in self.controls.values():
            token["special"] = True
        self._forbidden = {token["id"] for token in self.controls.values()} - {tokenizer.unk_token_id}
        longest_first = sorted(self.controls, key=len, reverse=True)
        self._splitter = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._hider = re.compile("|".join(map(re.escape, [*longest_first, STAND_IN])))
        self._hidden = [*self.controls, STAND_IN]
        bare, everywhere = without_prefix_space(state)
        at_start = _tokenizer(state)
        elsewhere = at_start if bare == state else _tokenizer(bare)
        self._encoders: dict[Place, Tokenizer] = {
            "start": at_start,
            "after control": at_start if everywhere else elsewhere,
            "continuation": elsewhere,
        }

    def split(self, literal: str) -> list[tuple[str, int | None]]:
        """A template's literal as text pieces (with None) and control tokens (with their ids), in order."""
        pieces: list[tuple[str, int | None]] = []
        position = 0
        for match in self._splitter.finditer(literal):
            pieces.append((literal[position : match.start()], None))
            pieces.append((match.group(), self.controls[match.group()]["id"]))
            position = match.end()
        pieces.append((literal[position:], None))
        return [(text, control) for text, control in pieces if text]

    def hide(self, text: str, but: Collection[str]) -> str:
        """The text with stand-ins for the control tokens typed in it, all but some, that no template knows."""
        places = {hidden: number for number, hidden in enumerate(self._hidden)}
        return self._hider.sub(
            lambda match: match[0] if match[0] in but else f"{STAND_IN}{places[match[0]]}\ue0fb", text
        )

    def hidden_in(self, value: Any) -> Any:
        """A JSON value with stand-ins for all control tokens typed in it."""
        if isinstance(value, str):
            return self.hide(value, ())
        if isinstance(value, dict):
            return {self.hide(key, ()): self.hidden_in(content) for key, content in value.items()}
        return [self.hidden_in(content) for content in value] if isinstance(value, list) else value

    def unhide(self, text: str) -> str:
        """What `hide` was given."""
        return HIDDEN.sub(lambda match: self._hidden[int(match[1])], text)

    def encode(self, texts: Iterable[PlacedText]) -> dict[PlacedText, np.ndarray | None]:
        """Token ids of pieces of text, int64 each, however often they come; None for one that has control tokens in it,
        with a tokenizer that finds them by its model."""
        found: dict[PlacedText, np.ndarray | None] = {}
        by_encoder: dict[int, dict[PlacedText, None]] = {}
        for placed in texts:
            by_encoder.setdefault(id(self._encoders[placed.place]), {})[placed] = None
        for together in map(list, by_encoder.values()):
            encoder = self._encoders[together[0].place]
            encodings = encoder.encode_batch_fast([placed.text for placed in together], add_special_tokens=False)
            for placed, encoding in zip(together, encodings, strict=True):
                ids = encoding.ids
                found[placed] = np.array(ids, np.int64) if self._forbidden.isdisjoint(ids) else None
        return found

    def strips(self, control: str, side: Literal["lstrip", "rstrip"]) -> bool:
        """Whether a control token swallows the white space on its left or right."""
        return bool(self.controls[control][side])


def without_prefix_space(state: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A tokenizer.json without the space it puts before text, and whether it puts it after control tokens too."""
    changed = ("normalizer", "pre_tokenizer")
    state = {**state, **{part: copy.deepcopy(state.get(part)) for part in changed}}  # the vocabulary is large
    everywhere = False
    for step in _steps(state.get("normalizer"), "normalizers"):
        if step["type"] == "Prepend":
            step.update(type="Replace", pattern={"String": "\ue0fd"}, content="\ue0fd")  # a step that changes nothing
            step.pop("prepend")
            everywhere = True
    for step in _steps(state.get("pre_tokenizer"), "pretokenizers"):
        if step["type"] == "Metaspace":
            everywhere = everywhere or step.get("prepend_scheme", "always") == "always"
            step["prepend_scheme"] = "never"
        elif step.get("add_prefix_space"):
            everywhere = True
            step["add_prefix_space"] = False
    return state, everywhere


def _steps(step: dict[str, Any] | None, inner: str) -> list[dict[str, Any]]:
    """A normalizer's or pre-tokenizer's steps, sequences unrolled."""
    if step is None:
        return []
    if step["type"] == "Sequence":
        return [leaf for part in step[inner] for leaf in _steps(part, inner)]
    return [step]


def _is_control(token: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> bool:
    text = token["content"]
    in_template = bool(text.strip()) and text in (tokenizer.chat_template or "")
    return bool(token["special"]) or in_template or BARRED.fullmatch(text) is not None


def _tokenizer(state: dict[str, Any]) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(json.dumps(state))
    except Exception as error:
        raise MftError(f"This tokenizer cannot be copied: {error}", "Use another base model.") from error
    tokenizer.encode_special_tokens = True
    return tokenizer
