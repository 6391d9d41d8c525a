"""What every model family must do: be recognised, be tunable, and compute the same packed, padded, cached or alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import PreTrainedConfig

from mft_core.errors import UsageError
from mft_core.models.adapter import ModelAdapter
from mft_core.models.building import build_empty
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base, load_tokenizer
from mft_core.models.quantization import Quantization, quantizable
from mft_core.models.recognition import model_adapters, recognize_adapter
from mft_core.nn.plain_linear import linear_modules
from mft_core.testing.components import ComponentTests
from mft_core.testing.packed_texts import (
    TEXTS,
    WIDTH,
    loss_and_gradients,
    move_weights,
    next_token_loss,
    packed_logits,
)
from mft_core.testing.random_models import (
    TOLERANCE,
    VOCABULARY,
    logits_alone,
    random_ids,
    relative_difference,
    take_gradients,
    write_random_checkpoint,
)
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tuned_models import save_tuned, tuned_model
from mft_core.tuning.finished import load_run
from mft_core.tuning.targets import ALL_LINEAR, FAMILY, lora_modules

CONTEXT = 4096
"""Tokens that a tiny model's context holds at least."""
LARGEST_TINY = 2_000_000
"""Parameters of a tiny model at most."""

CONVERSATION = (
    {"role": "user", "content": "What is a list?"},
    {"role": "assistant", "content": "A sequence."},
    {"role": "user", "content": "And a tuple?"},
)


def assert_same_tensors(found: torch.nn.Module, expected: torch.nn.Module) -> None:
    """The same parameters and buffers, bit by bit, those included that are computed and never saved."""
    here, there = (dict([*of.named_parameters(), *of.named_buffers()]) for of in (found, expected))
    assert here.keys() == there.keys()
    assert [name for name, tensor in there.items() if not torch.equal(here[name], tensor)] == []


CAPABILITIES = ("lora", "qlora", "packing", "left-padding", "float64")


class ModelAdapterTests(ComponentTests):
    """Inherit, and set `component`; override `config` to test another architecture of the same family."""

    component: ClassVar[type[ModelAdapter]]

    tolerance: ClassVar[Mapping[torch.dtype, float]] = TOLERANCE
    """Largest relative difference, by dtype; an architecture that always computes in float32 here and there (norms,
    routers) needs as much in float64."""

    cannot: ClassVar[Mapping[str, str]] = {}
    """What the architecture cannot, each with the reason: "lora" (it has no linear layer that LoRA could adapt),
    "qlora" (none of its widths is a multiple of 64), "packing" (documents cannot share a row), "left-padding" (tokens
    before a text change it), "float64" (parts of it compute in float32 whatever the dtype). The tests then hold it to
    the first three: what it can after all is an error, too."""

    def allowed(self, dtype: torch.dtype) -> float:
        """The largest relative difference that is rounding."""
        return self.tolerance[torch.float32 if "float64" in self.cannot else dtype]

    def loss_and_gradients(self, model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """`loss_and_gradients` of such rows as the architecture can have."""
        return loss_and_gradients(model, packed="packing" not in self.cannot)

    def require(self, capability: str) -> None:
        """Skip the test where the architecture has not this capability, with the reason."""
        if capability in self.cannot:
            pytest.skip(f"{self.component.__name__}: {self.cannot[capability]}")

    def config(self) -> PreTrainedConfig:
        """The configuration under test, with `VOCABULARY` embeddings."""
        return self.build().tiny_config(VOCABULARY)

    @pytest.fixture
    def adapter(self) -> ModelAdapter:
        """The component under test."""
        return self.build()

    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        """A folder with a random model."""
        return write_random_checkpoint(self.config(), tmp_path / "base")

    def test_the_tiny_model_is_small_with_a_long_context_and_no_dropout(self, adapter: ModelAdapter) -> None:
        config = adapter.tiny_config(2048)
        assert config.vocab_size == 2048
        assert config.hidden_size % 64 == 0
        assert getattr(config, "max_position_embeddings", CONTEXT) >= CONTEXT
        rates = {key: value for key, value in config.to_dict().items() if "drop" in key and key != "classifier_dropout"}
        assert not any(rates.values()), rates
        assert build_empty(config, torch.float32).num_parameters() < LARGEST_TINY

    def test_it_recognises_its_own_checkpoints_and_no_others(self, adapter: ModelAdapter, checkpoint: Path) -> None:
        from mft_core.registry.discovery import discover
        from mft_core.registry.workspace import Workspace

        own = read_config(checkpoint)
        assert adapter.recognizes(own)
        assert recognize_adapter([("this", adapter)], own) == "this"
        for foreign in ({}, {"model_type": "no-such-type", "architectures": ["NoSuchModel"]}):
            assert not adapter.recognizes(foreign)
        for name, other in model_adapters(discover(Workspace()).catalog):
            if not isinstance(other, self.component) and not other.general:
                assert not other.recognizes(own), f"{name} recognises it as well"
                assert adapter.general or not adapter.recognizes(other.tiny_config(VOCABULARY).to_dict()), name

    def test_what_it_cannot_it_truly_cannot(self, adapter: ModelAdapter, checkpoint: Path) -> None:
        assert set(self.cannot) <= set(CAPABILITIES), f"capabilities are {', '.join(CAPABILITIES)}"
        assert all(self.cannot.values()), "a reason is missing"
        model = load_base(adapter, checkpoint, torch.float32)
        rows = adapter.test_rows(model, VOCABULARY, self.allowed(torch.float32))
        assert rows.packed == ("packing" not in self.cannot), rows.reason or "documents can share its rows"
        if "lora" in self.cannot:
            with pytest.raises(UsageError, match="no linear module"):
                lora_modules(model, ALL_LINEAR)
        if "qlora" in self.cannot:
            assert not quantizable(model), "weights of it can be held in four bits"

    @pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
    def test_packed_documents_are_as_if_alone(
        self, adapter: ModelAdapter, checkpoint: Path, dtype: torch.dtype
    ) -> None:
        self.require("packing")
        model, ids = load_base(adapter, checkpoint, dtype), random_ids(2, WIDTH)
        packed = packed_logits(model, ids)
        torch.stack([next_token_loss(packed[r, a:b], ids[r, a:b]) for r, a, b in TEXTS]).sum().backward()
        together = take_gradients(model)
        for row, start, end in TEXTS:
            text = ids[row, start:end]
            alone = logits_alone(model, text)
            assert relative_difference(packed[row, start:end], alone) < self.allowed(dtype)
            next_token_loss(alone, text).backward()
        apart = take_gradients(model)
        assert together.keys() == apart.keys()
        scale = max(gradient.abs().max() for gradient in apart.values())
        for name, gradient in apart.items():
            assert (together[name] - gradient).abs().max() < self.allowed(dtype) * scale, name

    def test_what_stands_before_a_token_matters(self, adapter: ModelAdapter, checkpoint: Path) -> None:
        """Without this, the comparisons above and below would prove nothing."""
        model, ids = load_base(adapter, checkpoint, torch.float32), random_ids(20)
        assert relative_difference(logits_alone(model, ids)[11:], logits_alone(model, ids[11:])) > 1e-2

    @pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
    def test_padding_on_either_side_changes_nothing(
        self, adapter: ModelAdapter, checkpoint: Path, dtype: torch.dtype
    ) -> None:
        model, ids = load_base(adapter, checkpoint, dtype), random_ids(1, 9)
        alone = logits_alone(model, ids[0])
        padding, real = torch.zeros(1, 4, dtype=torch.long), torch.ones_like(ids)
        right = model(input_ids=torch.cat([ids, padding], 1), attention_mask=torch.cat([real, padding], 1)).logits
        assert relative_difference(right[0, :9], alone) < self.allowed(dtype)
        self.require("left-padding")
        left = model(
            input_ids=torch.cat([padding, ids], 1),
            attention_mask=torch.cat([padding, real], 1),
            position_ids=torch.cat([padding, torch.arange(9)[None]], 1),
        ).logits
        assert relative_difference(left[0, 4:], alone) < self.allowed(dtype)

    @pytest.mark.parametrize("targets", [ALL_LINEAR, FAMILY])
    def test_a_gradient_reaches_every_lora_matrix_and_nothing_else(
        self, adapter: ModelAdapter, checkpoint: Path, targets: str
    ) -> None:
        self.require("lora")
        model, family = load_base(adapter, checkpoint, torch.float32), adapter.lora_targets
        modules = lora_modules(model, targets, family)
        assert modules, f"none of lora_targets is a linear module here; there is: {lora_modules(model, ALL_LINEAR)}"
        ends = tuple(f".{name}" for name in modules)
        expected = sum(f".{name}".endswith(ends) for name in linear_modules(model))
        tuned = tuned_model(model, targets=targets, family=family, rank=4)
        move_weights(tuned)
        _, gradients = self.loss_and_gradients(tuned)
        assert len(gradients) == 2 * expected > 0
        assert all("lora_" in name and gradient.abs().max() > 0 for name, gradient in gradients.items())

    @pytest.mark.parametrize("method", ["lora", "full"])
    def test_gradient_checkpointing_changes_nothing(self, adapter: ModelAdapter, checkpoint: Path, method: str) -> None:
        if method == "lora":
            self.require("lora")
        found = []
        for checkpointing in (False, True):
            model = load_base(adapter, checkpoint, torch.float64)
            tuned = tuned_model(model, method=method, gradient_checkpointing=checkpointing, seed=3)
            found.append(self.loss_and_gradients(tuned))
            layers = [layer for layer in model.modules() if getattr(layer, "gradient_checkpointing", False)]
            assert bool(layers) == checkpointing
        (plain_loss, plain), (loss, checkpointed) = found
        torch.testing.assert_close(loss, plain_loss, rtol=1e-12, atol=0)
        torch.testing.assert_close(checkpointed, plain, rtol=1e-9, atol=1e-12)

    def test_qlora_trains(self, adapter: ModelAdapter, checkpoint: Path) -> None:
        self.require("lora")
        self.require("qlora")
        expected = quantizable(build_empty(adapter.load_config(checkpoint), torch.float32))
        assert expected, "no linear module here has an input width that is a multiple of 64"
        model = load_base(adapter, checkpoint, torch.float32, quantization=Quantization())
        assert [name for name, p in model.named_parameters() if hasattr(p, "quant_state")] == [
            f"{name}.weight" for name in expected
        ]
        tuned = tuned_model(model, method="qlora", rank=8, seed=3)
        optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=1e-2)
        losses = []
        for _ in range(6):
            loss, gradients = self.loss_and_gradients(tuned)
            for name, parameter in tuned.named_parameters():
                parameter.grad = gradients.get(name)
            optimizer.step()
            tuned.zero_grad()
            losses.append(float(loss))
        assert losses[-1] < 0.9 * losses[0], losses

    def test_generation_with_cache_is_generation_without(self, adapter: ModelAdapter, checkpoint: Path) -> None:
        model, ids = load_base(adapter, checkpoint, torch.float64), random_ids(1, 7)
        options = {"max_new_tokens": 12, "do_sample": False, "attention_mask": torch.ones_like(ids)}
        cached = model.generate(ids, use_cache=True, **options)
        assert torch.equal(cached, model.generate(ids, use_cache=False, **options))
        for _ in range(cached.shape[1] - 7):
            ids = torch.cat([ids, logits_alone(model, ids[0])[-1:].argmax(-1)[None]], 1)
        assert torch.equal(cached, ids)

    @pytest.mark.parametrize("method", ["lora", "full"])
    def test_a_tuned_model_loads_again_with_every_tensor_bit_by_bit(
        self, adapter: ModelAdapter, checkpoint: Path, method: str, tmp_path: Path
    ) -> None:
        """Its logits within rounding: the order in which a kernel sums may depend on where in memory a tensor lies, as
        grouped_mm's of mixtures of experts does on some processors."""
        if method == "lora":
            self.require("lora")
        ids = random_ids(11)
        tuned = tuned_model(load_base(adapter, checkpoint, torch.float32), method=method, rank=4)
        untuned = logits_alone(tuned, ids)
        move_weights(tuned)
        save_tuned(tuned, small_tokenizer(), tmp_path / "final", method=method)
        loaded, _ = load_run(tmp_path, [("this", adapter)])
        assert_same_tensors(loaded, tuned)
        expected = logits_alone(tuned.eval(), ids)
        assert relative_difference(logits_alone(loaded, ids), expected) < self.allowed(torch.float32)
        assert relative_difference(untuned, expected) > 1e-2

    def test_a_tokenizer_without_template_gets_the_familys_and_it_renders(
        self, adapter: ModelAdapter, tmp_path: Path
    ) -> None:
        small_tokenizer().save_pretrained(tmp_path)
        tokenizer = load_tokenizer(adapter, tmp_path)
        assert tokenizer.chat_template == adapter.chat_template
        assert tokenizer.pad_token_id is not None
        if adapter.chat_template is None:
            return
        whole = tokenizer.apply_chat_template(list(CONVERSATION), tokenize=False)
        places = [whole.find(turn["content"]) for turn in CONVERSATION]
        assert -1 < places[0] < places[1] < places[2], whole
        asked = tokenizer.apply_chat_template(list(CONVERSATION[:1]), tokenize=False, add_generation_prompt=True)
        assert whole.startswith(asked), "what asks for an answer is not what stands before one"
