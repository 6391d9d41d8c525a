"""Answers of a model: prompts laid out as in training, streamed as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, UsageError
from mft_core.interfaces import BaseRequest, Tokenization
from mft_core.modeling import model_adapters, resolve_base
from mft_core.paths import cache_folder
from mft_core.recipe import Choice, load_recipe
from mft_core.records import Record, Turn
from mft_core.saving import load_run

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mft_core.catalog import Catalog

RECIPE_FILE = "recipe.toml"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen.

    Attributes:
        max_new_tokens: most tokens of one answer.
        temperature: 0: always the likeliest token; else samples from the softened distribution.
        seed: of the sampling.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        text: without control tokens.
        prompt_tokens: length of the prompt.
        new_tokens: tokens generated, the end token included.
        finished: the model ended its turn itself.
    """

    text: str
    prompt_tokens: int
    new_tokens: int
    finished: bool


class Assistant:
    """A model that answers conversations.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        tokenization: lays out prompts as the model saw them in training; bound here.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokenization: Tokenization) -> None:
        tokenization.bind(tokenizer)
        self.model = model
        self.tokenizer = tokenizer
        self.tokenization = tokenization

    @property
    def end_tokens(self) -> list[int]:
        """Token ids that end an answer: what training puts behind one, and the tokenizer's own end token."""
        sample = self.tokenization.encode(Record(turns=(Turn("user", "question"), Turn("assistant", "answer"))))
        return sorted({int(sample.ids[sample.supervised][-1]), self.tokenizer.eos_token_id} - {None})

    def answer(self, turns: Sequence[Turn], sampling: Sampling, on_text: Callable[[str], None] | None = None) -> Answer:
        """The model's next turn.

        Args:
            turns: the conversation so far, ending with the user's.
            on_text: called with each piece of text as soon as it is there.

        Raises:
            MftError: the conversation is longer than the model's context.
        """
        import torch
        from transformers import GenerationConfig

        prompt = self.tokenization.prompt(turns)
        ends = self.end_tokens
        config = GenerationConfig(
            max_new_tokens=self._room(len(prompt), sampling.max_new_tokens),
            do_sample=sampling.temperature > 0,
            eos_token_id=ends,
            pad_token_id=self.tokenizer.pad_token_id,
            **({"temperature": sampling.temperature, "top_k": 0} if sampling.temperature > 0 else {}),
        )
        ids = torch.tensor([prompt], device=self.model.device)
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(sampling.seed + len(prompt))
            output = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                generation_config=config,
                streamer=_streamer(self.tokenizer, on_text) if on_text else None,
            )
        new = output[0, len(prompt) :].tolist()
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        return Answer(text, len(prompt), len(new), bool(new) and new[-1] in ends)

    def _room(self, prompt_tokens: int, wanted: int) -> int:
        context = getattr(self.model.config, "max_position_embeddings", None) or prompt_tokens + wanted
        if prompt_tokens >= context:
            raise MftError(
                f"The conversation has {prompt_tokens} tokens and the model's context {context}.", "Start a new one."
            )
        return min(wanted, context - prompt_tokens)


def _streamer(tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]) -> Any:
    from transformers import TextStreamer

    class Streamer(TextStreamer):
        """Hands text to a function instead of printing it."""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            on_text(text)

    return Streamer(tokenizer, skip_prompt=True, skip_special_tokens=True)


def open_assistant(target: str, catalog: Catalog, wanted: str = "") -> Assistant:
    """The model that a run folder or a base reference names, ready to answer, on the GPU if there is one.

    Args:
        target: a run folder, or what `--base` takes.
        catalog: for model families, bases and tokenizations.
        wanted: the model family the user chose; "": recognised.

    Raises:
        UsageError: `target` is neither.
        MftError: the model cannot be had or loaded.
    """
    import torch

    wanted = catalog.get("model", wanted).name if wanted else ""
    folder = Path(target).expanduser()
    choice = Choice(name="auto")
    if (folder / RECIPE_FILE).is_file():
        choice = load_recipe(folder / RECIPE_FILE).data.tokenization
    elif not folder.is_dir() or target in _base_names(catalog):
        folder = _fetch(target, catalog, wanted)
    model, tokenizer = load_run(folder, model_adapters(catalog), wanted=wanted)
    if torch.cuda.is_available():
        model = model.to("cuda")
    return Assistant(model, tokenizer, catalog.build("tokenization", choice.name, choice.options))


def _base_names(catalog: Catalog) -> list[str]:
    return [entry.name for entry in catalog.of_kind("base")]


def _fetch(target: str, catalog: Catalog, wanted: str) -> Path:
    try:
        name, reference = resolve_base(target, _base_names(catalog))
    except UsageError as error:
        raise UsageError(f"{target!r} is neither a run folder nor a base.", error.hint) from error
    adapter = catalog.build("model", wanted) if wanted else None
    return catalog.build("base", name).fetch(reference, BaseRequest(adapter, wanted, cache_folder("bases")))
