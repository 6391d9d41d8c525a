"""What every tuner must do: train what it says and nothing else, and be saved, loaded and merged as what it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import LlamaConfig, PreTrainedConfig

from mft_core.errors import MftError
from mft_core.models.adapter import ModelAdapter
from mft_core.models.building import build_empty
from mft_core.models.loading import load_base
from mft_core.recipe.schema import Recipe, TuneSection
from mft_core.testing.components import ComponentTests
from mft_core.testing.packed_texts import TEXTS, WIDTH, loss_and_gradients, move_weights, packed_logits
from mft_core.testing.random_models import (
    TOLERANCE,
    VOCABULARY,
    logits_alone,
    random_ids,
    relative_difference,
    write_random_checkpoint,
)
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.tuning.finished import load_run
from mft_core.tuning.preparing import prepare_for_tuning, skeleton_for_tuning
from mft_core.tuning.saving import save_final
from mft_core.tuning.tuner import Tuner, TunerRequest

EXACT = TOLERANCE[torch.float32]


class _Llama(ModelAdapter):
    """The family of the models under test."""

    native_types = ("llama",)


class TunerTests(ComponentTests):
    """Inherit, and set `component`; override `config` where it wants another architecture than a small Llama's."""

    component: ClassVar[type[Tuner]]

    cannot: ClassVar[dict[str, str]] = {}
    """What its result cannot, each with the reason: "merge" (there is no plain model that computes the same)."""

    def config(self) -> PreTrainedConfig:
        """Of the model under test, with `VOCABULARY` embeddings."""
        return LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            attention_bias=True,
            tie_word_embeddings=False,
        )

    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        """A folder with a random model."""
        return write_random_checkpoint(self.config(), tmp_path / "base")

    def base(self, checkpoint: Path) -> Any:
        """The model, held as the tuner wants it."""
        return load_base(_Llama(), checkpoint, torch.float32, quantization=self.build().quantization())

    def tuned(self, checkpoint: Path, seed: int = 0, moved: bool = False) -> Any:
        """The model made ready; `moved`: its trained weights are away from where they start."""
        model = prepare_for_tuning(self.base(checkpoint), self.build(), TunerRequest(seed))
        if moved:
            move_weights(model)
        return model

    def test_it_says_what_it_trains_in_a_line(self) -> None:
        words = self.build().words()
        assert words.strip()
        assert "\n" not in words

    def test_its_defaults_suit_a_recipe(self) -> None:
        self.build().check(Recipe())

    def test_a_gradient_reaches_every_trained_weight_and_nothing_else(self, checkpoint: Path) -> None:
        model = self.tuned(checkpoint, moved=True)
        trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        _, gradients = loss_and_gradients(model)
        assert trained == {name for name, gradient in gradients.items() if gradient.abs().max() > 0}

    def test_a_few_steps_bring_the_loss_down(self, checkpoint: Path) -> None:
        model = self.tuned(checkpoint)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer, losses = torch.optim.AdamW(trained, lr=1e-2), []
        for _ in range(8):
            loss, gradients = loss_and_gradients(model)
            for name, parameter in model.named_parameters():
                parameter.grad = gradients.get(name)
            optimizer.step()
            losses.append(float(loss))
        assert losses[-1] < losses[0], losses

    def test_packed_documents_are_as_if_alone(self, checkpoint: Path) -> None:
        model, ids = self.tuned(checkpoint, moved=True).eval(), random_ids(2, WIDTH)
        with torch.inference_mode():
            packed = packed_logits(model, ids)
            for row, start, end in TEXTS:
                alone = logits_alone(model, ids[row, start:end])
                assert relative_difference(packed[row, start:end], alone) < EXACT

    def test_the_seed_alone_decides_how_it_starts(self, checkpoint: Path) -> None:
        starts = []
        for noise in (1, 2):
            torch.manual_seed(noise)
            expected = torch.random.get_rng_state()
            starts.append(dict(self.tuned(checkpoint, seed=5).named_parameters()))
            assert torch.equal(torch.random.get_rng_state(), expected), "it drew from the process's random numbers"
        assert all(torch.equal(parameter, starts[1][name]) for name, parameter in starts[0].items())

    def test_it_starts_as_the_base_if_it_says_so(self, checkpoint: Path) -> None:
        if not self.build().starts_as_base:
            pytest.skip("it does not say so")
        ids = random_ids(11)
        before = logits_alone(self.base(checkpoint).eval(), ids)
        assert torch.equal(logits_alone(self.tuned(checkpoint).eval(), ids), before)

    def test_its_skeleton_has_the_shapes_of_the_model(self, checkpoint: Path) -> None:
        empty = build_empty(self.base(checkpoint).config, torch.float32)
        of_base = list(empty.parameters())
        skeleton = skeleton_for_tuning(empty, self.build(), TunerRequest())
        assert all(parameter.is_meta for parameter in of_base), "values of the base were made up"
        trained = {name: p.shape for name, p in self.tuned(checkpoint).named_parameters() if p.requires_grad}
        assert {name: p.shape for name, p in skeleton.named_parameters() if p.requires_grad} == trained

    def test_it_is_saved_and_loads_again_bit_by_bit(self, checkpoint: Path, tmp_path: Path) -> None:
        ids, model = random_ids(11), self.tuned(checkpoint, moved=True)
        loaded = self.loaded(model, tmp_path)
        assert not loaded.training
        expected = logits_alone(model.eval(), ids)
        assert torch.equal(logits_alone(loaded, ids), expected)
        assert relative_difference(logits_alone(self.base(checkpoint).eval(), ids), expected) > 1e-3, "nothing changed"

    def test_it_is_saved_from_whole_tensors_as_from_its_own(self, checkpoint: Path, tmp_path: Path) -> None:
        """As a sharded run saves it, whose model holds parts of tensors."""
        ids, model = random_ids(11), self.tuned(checkpoint, moved=True)
        every = self.component.form == "model"
        whole = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad or every}
        expected = logits_alone(model.eval(), ids)
        for name in whole:
            model.get_parameter(name).data.zero_()
        assert torch.equal(logits_alone(self.loaded(model, tmp_path, whole), ids), expected)

    def test_merged_it_computes_the_same_or_is_refused(self, checkpoint: Path) -> None:
        model, ids = self.tuned(checkpoint, moved=True).eval(), random_ids(11)
        if self.build().quantization():
            pytest.skip("it is merged into weights that were dequantised")
        expected = logits_alone(model, ids)
        if reason := self.cannot.get("merge"):
            with pytest.raises(MftError):
                self.build().merge(model)
            assert reason
            return
        merged = self.build().merge(model)
        assert type(merged).__name__ == type(self.base(checkpoint)).__name__
        assert relative_difference(logits_alone(merged, ids), expected) < EXACT

    def loaded(self, model: Any, folder: Path, tensors: dict[str, torch.Tensor] | None = None) -> Any:
        """The model, saved as a run saves it and loaded as the commands load it."""
        tuner = self.build()
        save_final(model, small_tokenizer(), folder / "final", tuner, TuneSection(**self.options), tensors)
        if tuner.form == "own":
            return tuner.load(self.base(folder / "base"), folder / "final", TunerRequest()).eval()
        families: Sequence[tuple[str, ModelAdapter]] = [("llama", _Llama())]
        return load_run(folder, families)[0]
