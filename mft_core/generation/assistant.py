"""Answers of a model: prompts laid out as in training, streamed as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mft_core.data.tokenization import BoundTokenization, Tokenization
from mft_core.data.tool_text import in_text
from mft_core.errors import MftError
from mft_core.generation.answering import Answer, AskedPrompt, Prompt, Sampling
from mft_core.models.end_tokens import end_tokens
from mft_core.records import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Assistant:
    """A model in this process that answers conversations.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        tokenization: lays out prompts as the model saw them in training; bound here.
        system: the system turn that every conversation it was trained on had by the recipe; "": there was none.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        tokenization: Tokenization,
        system: str = "",
    ) -> None:
        tokenization.bind(tokenizer)
        self.model = model
        self.tokenizer = tokenizer
        self.tokenization = tokenization
        self.system = system

    @property
    def server(self) -> str:
        """No other process answers."""
        return ""

    @property
    def served_by(self) -> frozenset[str]:
        """No other process answers."""
        return frozenset()

    @cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """Token ids that end an answer, of the tokenization, the tokenizer and the base's generation settings."""
        return end_tokens(self.model, self.tokenizer, self.tokenization)

    def answer(self, turns: Sequence[Turn], sampling: Sampling, on_text: Callable[[str], None] | None = None) -> Answer:
        """The model's next turn.

        Args:
            turns: the conversation so far, ending with the user's.
            on_text: called with each piece of text as soon as it is there.

        Raises:
            MftError: the conversation is longer than the model's context.
        """
        ids = self.tokenization.prompt(turns)
        room = self._room(ids, sampling)
        if not room:
            raise MftError(
                f"The conversation has {len(ids)} tokens and the model's context {self._context}.", "Start a new one."
            )
        streamer = self._streamer(on_text) if on_text else None
        (answer,) = self._write([turns], [ids], [(sampling.seed, len(ids))], sampling, room, streamer)
        return answer

    def answer_many(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[tuple[int, ...]]
    ) -> list[Answer]:
        """What the model makes of each prompt, written together; no answer depends on the other prompts.

        Args:
            prompts: text to be continued, or conversations that end with the user's turn.
            sampling: of all of them; `seed` is not used.
            seeds: one for every prompt.

        Returns:
            In the order of `prompts`. A prompt without room for one token in the model's context has an empty,
            unfinished answer of 0 tokens.
        """
        ids = [self.prompt_ids(prompt) for prompt in prompts]
        rooms = [self._room(prompt, sampling) for prompt in ids]
        whole = [index for index, room in enumerate(rooms) if room == sampling.max_new_tokens]
        # What the context cuts short is written alone: the others of its batch would run past its end.
        groups = [whole] * bool(whole) + [[i] for i, room in enumerate(rooms) if 0 < room < sampling.max_new_tokens]
        answers = {index: Answer("", len(ids[index]), 0, False) for index, room in enumerate(rooms) if not room}
        for group in groups:
            texts, own_ids, own_seeds = ([values[index] for index in group] for values in (prompts, ids, seeds))
            answers.update(zip(group, self._write(texts, own_ids, own_seeds, sampling, rooms[group[0]]), strict=True))
        return [answers[index] for index in range(len(prompts))]

    def answer_batches(self, batches: Sequence[Sequence[AskedPrompt]], sampling: Sampling) -> Iterator[list[Answer]]:
        """The answers to every batch, as `answer_many`, written when they are asked for."""
        for batch in batches:
            yield self.answer_many([one.prompt for one in batch], sampling, [one.seed for one in batch])

    def length(self, prompt: Prompt) -> int:
        """Tokens of a prompt."""
        return len(self.prompt_ids(prompt))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Token ids of a text as the tokenizer begins one, or of a conversation laid out as in training."""
        if isinstance(prompt, str):
            return list(self.tokenizer(prompt)["input_ids"])
        return self.tokenization.prompt(prompt if self.tokenization.takes_tools else in_text(prompt))

    def _write(
        self,
        prompts: Sequence[Any],
        ids: Sequence[Any],
        seeds: Sequence[Any],
        sampling: Sampling,
        room: int,
        streamer: Any = None,
    ) -> list[Answer]:
        from mft_core.generation.decoding import Decoding, Drawing, continue_prompts

        decoding = Decoding(room, sampling.temperature, self.end_tokens, sampling.stop)
        drawings = [Drawing(prompt, seed) for prompt, seed in zip(ids, seeds, strict=True)]
        written = continue_prompts(self.model, self.tokenizer, drawings, decoding, streamer)
        return [self._as_answer(*triple, sampling) for triple in zip(prompts, ids, written, strict=True)]

    def _as_answer(self, prompt: Prompt, ids: list[int], new: list[int], sampling: Sampling) -> Answer:
        from mft_core.generation.decoding import continuation_text

        if isinstance(prompt, str):
            text = continuation_text(self.tokenizer, ids, new)
        else:
            # The end token is left out by its id: not every tokenizer flags its template's tokens as special.
            said = new[:-1] if new[-1] in self.end_tokens else new
            text = self.tokenizer.decode(said, skip_special_tokens=True).removeprefix(self.tokenization.lead_in)
        finished = new[-1] in self.end_tokens or any(word in text for word in sampling.stop)
        return Answer(text, len(ids), len(new), finished)

    @property
    def _context(self) -> int | None:
        return getattr(self.model.config, "max_position_embeddings", None)

    def _room(self, ids: Sequence[int], sampling: Sampling) -> int:
        """New tokens that the context leaves room for, at most those wanted; 0: none."""
        left = sampling.max_new_tokens if self._context is None else max(0, self._context - len(ids))
        return min(sampling.max_new_tokens, left)

    def _streamer(self, on_text: Callable[[str], None]) -> Any:
        from transformers import TextStreamer

        lead_in, ends = self.tokenization.lead_in, self.end_tokens

        class Streamer(TextStreamer):
            """Hands the answer's own text to a function instead of printing it."""

            held: str | None = ""

            def put(self, value: Any) -> None:
                if self.next_tokens_are_prompt or int(value[-1]) not in ends:
                    super().put(value)

            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                if self.held is None:
                    on_text(text)
                    return
                # Until the text is longer, or another one, it may be what the template writes.
                self.held += text
                if stream_end or not lead_in.startswith(self.held):
                    on_text(self.held.removeprefix(lead_in))
                    self.held = None

        return Streamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)


def own_assistants(bound: Mapping[str, BoundTokenization], model: PreTrainedModel) -> dict[str, Assistant]:
    """By task, the model asked in the tokenization of that task; of tasks with the same one it is the same."""
    made = {one: Assistant(model, one.tokenizer, one.tokenization) for one in dict.fromkeys(bound.values())}
    return {task: made[one] for task, one in bound.items()}
