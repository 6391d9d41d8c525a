"""From prompts to new tokens, many at a time; what one prompt gets depends on no other prompt of the batch.

Sampling draws by inverting the distribution function at one uniform number per token. Those numbers come from the
prompt's own seed, so batches may be composed in any way. (In low precision a batch still rounds differently from
another one, as everywhere.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from torch import nn
from transformers import GenerationConfig, LogitsProcessor, PreTrainedTokenizerBase, StoppingCriteria

from mft_core.evaluation import evaluation_mode

FIRST_STAGE = 64
"""Tokens after which a batch is rid of what has ended for the first time; then after as many as it has got so far."""
SPARE_TOKENS = 4
"""A stop string of n characters is looked for in the last n + this many tokens first."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One prompt to be continued.

    Attributes:
        prompt: token ids.
        seed: of the sampling; any integers.
    """

    prompt: Sequence[int]
    seed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoding:
    """How prompts are continued.

    Attributes:
        max_new_tokens: most tokens of one continuation.
        temperature: 0: always the likeliest token; else draws from the softened distribution, all of it.
        end_tokens: token ids that end a continuation.
        stop: strings that end a continuation.
    """

    max_new_tokens: int
    temperature: float = 0.0
    end_tokens: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()


def continue_prompts(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    drawings: Sequence[Drawing],
    decoding: Decoding,
    streamer: Any = None,
) -> list[list[int]]:
    """The new tokens of every prompt, up to and with the one that ended it.

    Args:
        model: a transformers causal language model, or PEFT's wrapper around one; left in the mode it was in.
        tokenizer: for the padding token, and to see stop strings.
        drawings: prompts of any lengths, none empty.
        decoding: the same for all of them.
        streamer: transformers' streamer, for a single prompt.
    """
    written: list[list[int]] = [[] for _ in drawings]
    left = list(range(len(drawings)))
    while left:
        done = len(written[left[0]])
        rest = decoding.max_new_tokens - done
        tokens = rest if len(left) == 1 else min(rest, max(FIRST_STAGE, done))
        stage = _Stage([drawings[index] for index in left], [written[index] for index in left], tokens)
        ended = _continue(model, tokenizer, stage, decoding, streamer)
        left = [index for index, end in zip(left, ended, strict=True) if not end and tokens < rest]
    return written


@dataclass(frozen=True, slots=True)
class _Stage:
    """Some more tokens of the prompts that have not ended; then those that have are left out of the batch, where they
    would go on costing as much as the others.

    Attributes:
        drawings: the prompts.
        written: what each has got so far, equally many tokens; the new ones are appended.
        tokens: how many more.
    """

    drawings: Sequence[Drawing]
    written: Sequence[list[int]]
    tokens: int

    @property
    def done(self) -> int:
        """Tokens that each prompt has got so far."""
        return len(self.written[0])


def _continue(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, stage: _Stage, decoding: Decoding, streamer: Any
) -> list[bool]:
    """Write one stage; which of its prompts have ended."""
    language_model: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    padding = tokenizer.pad_token_id or 0
    prompts = [[*one.prompt, *new] for one, new in zip(stage.drawings, stage.written, strict=True)]
    ids, mask = _left_padded(prompts, padding, language_model.device)
    width = ids.shape[1]
    ending = _Ending(tokenizer, decoding, [len(one.prompt) for one in stage.drawings], width, stage.done)
    draw = [_Draw(decoding, stage.drawings, width - stage.done, ids.device)] if decoding.temperature > 0 else []
    settings = GenerationConfig(max_new_tokens=stage.tokens, do_sample=False, pad_token_id=padding)
    with evaluation_mode(model), _own_defaults(language_model):
        output = language_model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=settings,
            logits_processor=draw,
            stopping_criteria=[ending],
            streamer=streamer,
        )
    for index, row in enumerate(output[:, width:].tolist()):
        stage.written[index].extend(row[: ending.lengths.get(index, len(row))])
    return [index in ending.lengths for index in range(len(prompts))]


def continuation_text(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], new: Sequence[int]) -> str:
    """The text that `new` adds to `prompt`; decoding `new` alone loses the space it begins with in some tokenizers."""
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    before, whole = (tokenizer.decode(list(ids), **options) for ids in (prompt, [*prompt, *new]))
    return whole[len(before) :] if whole.startswith(before) else tokenizer.decode(list(new), **options)


def _left_padded(
    prompts: Sequence[Sequence[int]], padding: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """int64 [B, S] twice: ids, and 1 where they are not padding."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), padding, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


@contextmanager
def _own_defaults(model: Any) -> Iterator[None]:
    """Without the checkpoint's own generation settings: transformers fills in whatever a call leaves open, such as a
    repetition penalty, and two models would be measured in two ways."""
    kept = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = kept


class _Draw(LogitsProcessor):
    """Leaves of every row's logits the one token that its next uniform number draws."""

    def __init__(self, decoding: Decoding, drawings: Sequence[Drawing], width: int, device: torch.device) -> None:
        # Metal has no float64.
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        uniforms = [np.random.default_rng(drawing.seed).random(decoding.max_new_tokens) for drawing in drawings]
        self._uniforms = torch.tensor(np.stack(uniforms), dtype=self._dtype, device=device)
        self._temperature = decoding.temperature
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Both [B, ...]; scores are logits [B, vocabulary]."""
        step = input_ids.shape[1] - self._width
        cumulative = torch.softmax(scores.to(self._dtype) / self._temperature, dim=-1).cumsum(dim=-1)
        places = self._uniforms[:, step : step + 1] * cumulative[:, -1:]
        chosen = torch.searchsorted(cumulative, places, right=True).clamp_(max=scores.shape[-1] - 1)
        return torch.full_like(scores, float("-inf")).scatter(1, chosen, 0.0)


class _Ending(StoppingCriteria):
    """Ends a row at an end token or a stop string; remembers at which length.

    Attributes:
        lengths: row -> tokens of this stage up to its end, for rows that have ended.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, decoding: Decoding, prompts: list[int], width: int, done: int
    ) -> None:
        self.lengths: dict[int, int] = {}
        self._tokenizer = tokenizer
        self._ends = frozenset(decoding.end_tokens)
        self._stop = decoding.stop
        self._tail = max(map(len, decoding.stop), default=0) + SPARE_TOKENS
        self._first_new = width - done
        self._starts = [self._first_new - length for length in prompts]
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """bool [B]."""
        rows = input_ids.tolist()
        for index, row in enumerate(rows):
            if index not in self.lengths and (row[-1] in self._ends or self._stops(index, row)):
                self.lengths[index] = len(row) - self._width
        return torch.tensor([index in self.lengths for index in range(len(rows))], device=input_ids.device)

    def _stops(self, index: int, row: list[int]) -> bool:
        """Whether the row's new text holds a stop string: asked of its last tokens first, since that costs less."""
        new = row[self._first_new :]
        if not self._stop or not self._holds_stop(self._tokenizer.decode(new[-self._tail :])):
            return False
        return self._holds_stop(continuation_text(self._tokenizer, row[self._starts[index] : self._first_new], new))

    def _holds_stop(self, text: str) -> bool:
        return any(word in text for word in self._stop)
