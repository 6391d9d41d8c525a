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
from transformers import DynamicCache, GenerationConfig, LogitsProcessor, PreTrainedTokenizerBase, StoppingCriteria

from mft_core.generation.decoding_cache import keep_rows
from mft_core.nn.modes import evaluation_mode

STAGE = 16
"""Tokens after which rows that have ended leave the batch; without a cache: after as many as there are so far."""
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
    if not drawings:
        return []
    language_model: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    padding = tokenizer.pad_token_id or 0
    rows = _first_rows(drawings, decoding, padding, language_model.device)
    width = rows.ids.shape[1]
    written: dict[int, list[int]] = {}
    with evaluation_mode(model), _own_defaults(language_model):
        while rows.numbers:
            ending = _Ending(tokenizer, decoding, [drawings[number].prompt for number in rows.numbers], width)
            tokens = _stage_tokens(rows, width, decoding.max_new_tokens)
            output = language_model.generate(
                **rows.inputs(),
                generation_config=GenerationConfig(
                    max_new_tokens=tokens, do_sample=False, pad_token_id=padding, return_dict_in_generate=True
                ),
                logits_processor=[] if rows.uniforms is None else [_Draw(decoding.temperature, rows.uniforms, width)],
                stopping_criteria=[ending],
                streamer=streamer,
            )
            ended = ending.ended(output.sequences)
            written |= {rows.numbers[row]: new for row, new in ended.items()}
            rows = rows.after(output, [row for row in range(len(rows.numbers)) if row not in ended])
    return [written[number] for number in range(len(drawings))]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that have not ended. The others have left the batch, where they would cost as much as these.

    Attributes:
        numbers: of their drawings.
        ids: int64 [B, S], prompts and what has been written.
        mask: int64 [B, S], 0 where padding is.
        uniforms: [B, most new tokens], the numbers that draw each row's tokens; None: the likeliest tokens are taken.
        cache: keys and values of all tokens but the last; None: they have to be computed (again).
    """

    numbers: list[int]
    ids: torch.Tensor
    mask: torch.Tensor
    uniforms: torch.Tensor | None
    cache: DynamicCache | None = None

    def inputs(self) -> dict[str, Any]:
        """Keyword arguments of `generate`."""
        cache = {} if self.cache is None else {"past_key_values": self.cache}
        return {"input_ids": self.ids, "attention_mask": self.mask, **cache}

    def after(self, output: Any, left: list[int]) -> _Rows:
        """Those of the rows that are `left` after a call of `generate`, with what it wrote and its cache."""
        index = torch.tensor(left, dtype=torch.int64, device=self.ids.device)
        new = output.sequences.shape[1] - self.ids.shape[1]
        return _Rows(
            [self.numbers[row] for row in left],
            output.sequences[index],
            nn.functional.pad(self.mask[index], (0, new), value=1),
            None if self.uniforms is None else self.uniforms[index],
            keep_rows(output.past_key_values, index, STAGE) if left else None,
        )


def _first_rows(drawings: Sequence[Drawing], decoding: Decoding, padding: int, device: torch.device) -> _Rows:
    ids, mask = _left_padded([drawing.prompt for drawing in drawings], padding, device)
    uniforms = None
    if decoding.temperature > 0:
        drawn = [np.random.default_rng(drawing.seed).random(decoding.max_new_tokens) for drawing in drawings]
        # Metal has no float64.
        exact = torch.float32 if device.type == "mps" else torch.float64
        uniforms = torch.tensor(np.stack(drawn), dtype=exact, device=device)
    return _Rows(list(range(len(drawings))), ids, mask, uniforms)


def _stage_tokens(rows: _Rows, width: int, most: int) -> int:
    """How many tokens are written before rows that have ended leave; without a cache, all is read again after that."""
    done = rows.ids.shape[1] - width
    if rows.cache is None:
        return most - done if len(rows.numbers) == 1 else min(most - done, max(STAGE, done))
    return min(most - done, STAGE)


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
    """Leaves of every row's logits the one token that its next uniform number draws.

    Args:
        temperature: > 0.
        uniforms: [B, most new tokens], from 0 to 1.
        width: tokens of the padded prompts.
    """

    def __init__(self, temperature: float, uniforms: torch.Tensor, width: int) -> None:
        self._temperature = temperature
        self._uniforms = uniforms
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Both [B, ...]; scores are logits [B, vocabulary]."""
        step = input_ids.shape[1] - self._width
        cumulative = torch.softmax(scores.to(self._uniforms.dtype) / self._temperature, dim=-1).cumsum(dim=-1)
        places = self._uniforms[:, step : step + 1] * cumulative[:, -1:]
        chosen = torch.searchsorted(cumulative, places, right=True).clamp_(max=scores.shape[-1] - 1)
        return torch.full_like(scores, float("-inf")).scatter(1, chosen, 0.0)


class _Ending(StoppingCriteria):
    """Ends a row at an end token or a stop string, and remembers where.

    Args:
        tokenizer: to see stop strings.
        decoding: says what ends a row.
        prompts: of the rows.
        width: tokens of the padded prompts.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, decoding: Decoding, prompts: Sequence[Sequence[int]], width: int
    ) -> None:
        self._lengths: dict[int, int] = {}
        self._tokenizer = tokenizer
        self._ends = frozenset(decoding.end_tokens)
        self._stop = decoding.stop
        self._tail = max(map(len, decoding.stop), default=0) + SPARE_TOKENS
        self._most = decoding.max_new_tokens
        self._prompts = prompts
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """bool [B]."""
        new = input_ids.shape[1] - self._width
        for row, tail in enumerate(input_ids[:, -min(new, self._tail) :].tolist()):
            if row not in self._lengths and (tail[-1] in self._ends or self._stops(tail, row, input_ids)):
                self._lengths[row] = new
        return torch.tensor([row in self._lengths for row in range(len(input_ids))], device=input_ids.device)

    def ended(self, sequences: torch.Tensor) -> dict[int, list[int]]:
        """The new tokens of the rows that have ended, or are full, by row.

        Args:
            sequences: int64 [B, S], prompts and all that has been written.
        """
        new = enumerate(sequences[:, self._width :].tolist())
        return {
            row: ids[: self._lengths.get(row)] for row, ids in new if row in self._lengths or len(ids) >= self._most
        }

    def _stops(self, tail: list[int], row: int, input_ids: torch.Tensor) -> bool:
        """Whether the row's new text holds a stop string: asked of its last tokens first, since that costs less."""
        if not self._stop or not self._holds_stop(self._tokenizer.decode(tail)):
            return False
        new = input_ids[row, self._width :].tolist()
        return self._holds_stop(continuation_text(self._tokenizer, self._prompts[row], new))

    def _holds_stop(self, text: str) -> bool:
        return any(word in text for word in self._stop)
