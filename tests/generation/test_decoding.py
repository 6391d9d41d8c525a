"""Continuing prompts in batches: what one prompt gets depends on no other one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, FalconH1Config, GenerationConfig, MambaConfig, PreTrainedConfig

from helpers.tiny_models import ARCHITECTURES, load_tiny
from mft_core.generation.answering import Answer, Sampling
from mft_core.generation.assistant import Assistant
from mft_core.generation.decoding import Decoding, Drawing, continuation_text, continue_prompts
from mft_core.records import Turn
from mft_core.testing.contexts import PlainTokenization
from mft_core.testing.random_models import VOCABULARY, random_ids, random_token_loss_model
from mft_core.testing.small_tokenizers import KINDS, small_tokenizer
from mft_core.testing.tuned_models import tuned_model

RECURRENT = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0}
ATTENTION = {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
LENGTHS = (3, 17, 1, 30)
PROMPTS = [random_ids(length, seed=length).tolist() for length in LENGTHS]


def drawings(seed: int = 0) -> list[Drawing]:
    return [Drawing(prompt, (seed, number)) for number, prompt in enumerate(PROMPTS)]


@pytest.fixture(autouse=True)
def short_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that have ended leave after 4, 8, 12, ... tokens; where there is no cache to be kept, after 4, 8, 16, ..."""
    monkeypatch.setattr("mft_core.generation.decoding.STAGE", 4)


def check_batches(model: nn.Module, temperature: float) -> list[list[int]]:
    """Every prompt alone, in one go; then together, where rows leave at different places. What comes out together."""
    tokenizer = small_tokenizer()
    free = [continue_prompts(model, tokenizer, [one], Decoding(14, temperature))[0] for one in drawings()]
    ends = (free[0][2], free[1][6])
    expected = [row[: next((place + 1 for place, token in enumerate(row) if token in ends), 14)] for row in free]
    together = continue_prompts(model, tokenizer, drawings(), Decoding(14, temperature, ends))
    assert together == expected
    assert continue_prompts(model, tokenizer, drawings()[::-1], Decoding(14, temperature, ends)) == expected[::-1]
    return together


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_gives_what_each_prompt_gives_alone(architecture: str, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path, torch.float64)
    check_batches(model, 0.0)
    lengths = [len(row) for row in check_batches(model, 1.0)]
    assert len(set(lengths)) > 1


def test_what_was_read_is_not_read_again_and_ended_rows_cost_nothing() -> None:
    model, tokenizer = random_token_loss_model().model, small_tokenizer()
    free = continue_prompts(model, tokenizer, drawings(), Decoding(14, 1.0))
    shapes: list[tuple[int, ...]] = []
    model.model.register_forward_pre_hook(
        lambda _, __, kw: shapes.append(tuple(kw["input_ids"].shape)), with_kwargs=True
    )
    ends = (free[0][2], free[1][6])
    continue_prompts(model, tokenizer, drawings(), Decoding(14, 1.0, ends))
    assert shapes == [(4, max(LENGTHS))] + [(4, 1)] * 3 + [(3, 1)] * 4 + [(2, 1)] * 6


def test_greedy_is_the_likeliest_token_each_time() -> None:
    model = random_token_loss_model().model
    (new,) = continue_prompts(model, small_tokenizer(), [Drawing(PROMPTS[1])], Decoding(10))
    ids = list(PROMPTS[1])
    for token in new:
        with torch.no_grad():
            assert token == int(model(torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(token)


class Fixed(nn.Module):
    """A head that gives the same logits everywhere."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(*hidden.shape[:-1], -1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_follows_the_softened_distribution(temperature: float) -> None:
    model = random_token_loss_model(8).model
    logits = torch.linspace(-2, 2, 8, dtype=torch.float64)
    model.lm_head = Fixed(logits)
    written = continue_prompts(
        model, small_tokenizer(), [Drawing([1], (5, number)) for number in range(40)], Decoding(50, temperature)
    )
    counts = torch.tensor(written).flatten().bincount(minlength=8)
    expected = 2000 * torch.softmax(logits / temperature, 0)
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < 24.3  # 0.1% of 7 degrees of freedom
    assert len({tuple(row) for row in written}) == 40


def test_the_random_state_and_the_models_own_settings_are_left_alone() -> None:
    model = random_token_loss_model().model.train()
    tokenizer = small_tokenizer()
    plain = continue_prompts(model, tokenizer, drawings(), Decoding(12, 1.0))
    own = GenerationConfig(repetition_penalty=5.0, do_sample=True, top_k=1, eos_token_id=7)
    model.generation_config = own
    state = torch.get_rng_state()
    assert continue_prompts(model, tokenizer, drawings(), Decoding(12, 1.0)) == plain
    assert torch.equal(torch.get_rng_state(), state)
    assert model.generation_config is own
    assert model.training


def test_adapters_take_part() -> None:
    base = random_token_loss_model().model
    tokenizer, decoding = small_tokenizer(), Decoding(12)
    before = continue_prompts(base, tokenizer, drawings(), decoding)
    tuned = tuned_model(base, method="lora", rank=4, targets="all-linear", family=(), seed=0)
    assert continue_prompts(tuned, tokenizer, drawings(), decoding) == before
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    assert continue_prompts(tuned, tokenizer, drawings(), decoding) != before


def test_a_row_ends_at_its_own_end_token() -> None:
    model, tokenizer = random_token_loss_model().model, small_tokenizer()
    free = continue_prompts(model, tokenizer, drawings(), Decoding(20, 1.0))
    ends = tuple({row[number] for number, row in enumerate(free)})
    ended = continue_prompts(model, tokenizer, drawings(), Decoding(20, 1.0, ends))
    for row, short in zip(free, ended, strict=True):
        places = [place for place, token in enumerate(row) if token in ends]
        assert short == row[: places[0] + 1]


def test_a_row_ends_with_its_stop_string() -> None:
    tokenizer = small_tokenizer()
    model = random_token_loss_model(len(tokenizer)).model
    free = continue_prompts(model, tokenizer, drawings(), Decoding(30, 1.0))
    texts = [continuation_text(tokenizer, prompt, new) for prompt, new in zip(PROMPTS, free, strict=True)]
    stop = tuple(text[4 + number : 7 + number] for number, text in enumerate(texts))
    ended = continue_prompts(model, tokenizer, drawings(), Decoding(30, 1.0, (), stop))
    for prompt, row, short in zip(PROMPTS, free, ended, strict=True):
        assert short == row[: len(short)]
        assert len(short) < len(row)
        text = continuation_text(tokenizer, prompt, short)
        assert any(word in text for word in stop)
        assert not any(word in continuation_text(tokenizer, prompt, short[:-1]) for word in stop)


@pytest.mark.parametrize("kind", KINDS)
def test_the_space_that_a_continuation_begins_with_is_kept(kind: str) -> None:
    tokenizer = small_tokenizer(kind)
    text = "def tokenizer(kind):\n    return path"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = tokenizer.decode(ids)
    for cut in range(1, len(ids)):
        assert tokenizer.decode(ids[:cut]) + continuation_text(tokenizer, ids[:cut], ids[cut:]) == whole


def assistant(context: int = 64) -> Assistant:
    tokenizer = small_tokenizer()
    model = random_token_loss_model(len(tokenizer)).model
    model.config.max_position_embeddings = context
    model.generation_config.eos_token_id = None
    return Assistant(model, tokenizer, PlainTokenization())


def test_answers_are_those_given_alone_whatever_the_context_cuts_short() -> None:
    writer, sampling = assistant(), Sampling(20, temperature=1.0)
    conversation = [Turn("user", "def path(kind):")]
    prompts = ["def ", "return tokenizer", "x" * 50, "y" * 80, conversation]
    seeds = [(1, number) for number in range(len(prompts))]
    together = writer.answer_many(prompts, sampling, seeds)
    alone = [writer.answer_many([prompt], sampling, [seed])[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    assert together == alone
    assert together[0].new_tokens == 20
    assert together[2].prompt_tokens + together[2].new_tokens == 64
    assert together[3] == Answer("", 80, 0, False)
    assert together[4].prompt_tokens == len(writer.prompt_ids(conversation))


def test_an_answer_is_finished_by_a_stop_string() -> None:
    writer = assistant()
    free = writer.answer_many(["def "], Sampling(20), [(0,)])[0]
    stopped = writer.answer_many(["def "], Sampling(20, stop=(free.text[3:6],)), [(0,)])[0]
    assert (free.finished, stopped.finished) == (False, True)
    assert free.text.startswith(stopped.text)
    assert stopped.new_tokens < free.new_tokens


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        MambaConfig(**RECURRENT, bos_token_id=None, eos_token_id=None, state_size=8),
        FalconH1Config(**RECURRENT, **ATTENTION, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8),
    ],
    ids=lambda config: config.model_type,
)
def test_a_cache_of_more_than_keys_and_values_is_not_kept(config: PreTrainedConfig) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).double().eval()
    check_batches(model, 0.0)
    check_batches(model, 1.0)
