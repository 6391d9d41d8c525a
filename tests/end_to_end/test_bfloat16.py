"""The main paths in bfloat16, on every processor: where it has no units for it, torch emulates them.

Other tests are exact, in float32 and float64. Here two ways to compute one thing agree within rounding, and one way
taken twice agrees bit by bit.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from helpers.finished_runs import interrupted
from helpers.running import (
    arguments,
    events,
    largest_difference,
    mft,
    start_mft,
    wait_for_step,
    weights,
    write_rows,
    write_tasks,
)
from helpers.tiny_models import ADAPTERS, ARCHITECTURES, load_tiny
from mft_core.generation.answering import Sampling
from mft_core.generation.assistant import Assistant
from mft_core.generation.decoding import Decoding, Drawing, continue_prompts
from mft_core.generation.opening import open_assistant
from mft_core.records import Turn
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing.packed_texts import TEXTS, WIDTH, loss_and_gradients, move_weights, packed_logits
from mft_core.testing.random_models import logits_alone, random_ids, relative_difference
from mft_core.testing.tuned_models import tuned_model
from mft_core.tuning.finished import load_run

SIZES = {"add": 12, "copy": 6}
EPSILON = torch.finfo(torch.bfloat16).eps
ROUNDING = 4 * EPSILON
"""Of the logits of two layers, relative to the largest: rounded some twenty times, each by half of EPSILON at most."""
QUESTIONS = ("add 1: alpha beta", "Reverse a list in Python.", "copy: kappa", "1 + 1?")


def settings(*pairs: str) -> list[str]:
    return [part for pair in ("model.dtype=bfloat16", *pairs) for part in ("--set", pair)]


TRAINING = ("--loss", "famo", "--steps", "12", *settings("train.learning_rate=5e-3", "train.save_every=2"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("data"), SIZES)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA on a bfloat16 base."""
    folder = tmp_path_factory.mktemp("bfloat16") / "run"
    assert mft(*arguments(data, folder, *TRAINING)) == 0
    return folder


@pytest.fixture(scope="module")
def full_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weights, which are float32 and computed with in bfloat16."""
    folder = tmp_path_factory.mktemp("bfloat16") / "full"
    assert mft(*arguments(data, folder, *TRAINING, "--set", "tune.method=full")) == 0
    return folder


@pytest.fixture(scope="module")
def assistant(run: Path) -> Assistant:
    return open_assistant(str(run), discover(Workspace()).catalog)


def last_losses(run: Path) -> dict[str, float]:
    """The validation loss of every task at the end."""
    return {name: task["loss"] for name, task in events(run, "eval")[-1]["tasks"].items()}


def token_differences(found: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """[S]: the largest difference of a token's logits, [S, vocabulary] each, relative to the largest of them all."""
    return (found - expected).abs().amax(-1).float() / expected.abs().max()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_computes_packed_documents_as_if_alone(architecture: str, tmp_path: Path) -> None:
    """Most tokens of each: where two experts are about as good, rounding may choose the other one."""
    model, ids = load_tiny(architecture, tmp_path, torch.bfloat16), random_ids(2, WIDTH)
    with torch.no_grad():
        packed, unseparated = packed_logits(model, ids), torch.stack([logits_alone(model, row) for row in ids])
        for row, start, end in TEXTS:
            alone = logits_alone(model, ids[row, start:end])
            assert packed.dtype == alone.dtype == torch.bfloat16
            assert token_differences(packed[row, start:end], alone).median() < ROUNDING
            if start:
                assert token_differences(unseparated[row, start:end], alone).median() > 2 * ROUNDING


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_tuned_by_float32_adapters(architecture: str, tmp_path: Path) -> None:
    tuned = tuned_model(load_tiny(architecture, tmp_path, torch.bfloat16), rank=4)
    move_weights(tuned)
    loss, gradients = loss_and_gradients(tuned)
    assert torch.isfinite(loss)
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients.values())


def test_a_run_leaves_float32_adapters_for_its_bfloat16_base(run: Path) -> None:
    assert {str(tensor.dtype) for tensor in weights(run).values()} == {"float32"}
    model, _ = load_run(run, ADAPTERS.items())
    dtypes = {("lora_" in name, parameter.dtype) for name, parameter in model.named_parameters()}
    assert dtypes == {(True, torch.float32), (False, torch.bfloat16)}


def test_it_learns_as_in_float32(run: Path, full_run: Path, data: Path, tmp_path: Path) -> None:
    for method, found in (("lora", run), ("full", full_run)):
        exact = tmp_path / method
        more = ("--set", "model.dtype=float32", "--set", f"tune.method={method}")
        assert mft(*arguments(data, exact, *TRAINING, *more)) == 0
        before = events(exact, "eval")[0]["tasks"]
        for name, loss in last_losses(exact).items():
            assert last_losses(found)[name] == pytest.approx(loss, rel=EPSILON)
            assert loss < before[name]["loss"] * (1 - 8 * EPSILON)
        assert largest_difference(weights(found), weights(exact)) > 0


def test_packing_changes_a_step_by_rounding_only(data: Path, tmp_path: Path) -> None:
    whole = ("train.batch_size=100", "train.clip=0", "train.schedule=constant", "tune.dropout=0")
    plain = settings(*whole, "train.optimizer=sgd", "train.learning_rate=1")
    found = {}
    for packer in ("pad", "best-fit"):
        assert mft(*arguments(data, tmp_path / packer, "--steps", "1", "--packer", packer, *plain)) == 0
        found[packer] = {name: torch.from_numpy(part) for name, part in weights(tmp_path / packer).items()}
    moved = {name: part for name, part in found["pad"].items() if "lora_B" in name}  # from zero: by the gradient
    assert moved
    for name, part in moved.items():
        assert part.norm() > 0
        assert (found["best-fit"][name] - part).norm() < EPSILON * part.norm()


def test_kill_9_then_resume_gives_identical_weights_and_log(data: Path, run: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    process = start_mft(arguments(data, again, *TRAINING))
    wait_for_step(process, again, 5)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (again / "final").exists()
    assert mft("run", "--resume", "--output", str(again)) == 0
    assert largest_difference(weights(again), weights(run)) == 0
    for name in ("train", "eval"):
        found, expected = ([(event["step"], event["tasks"]) for event in events(of, name)] for of in (again, run))
        assert found == expected


def test_full_tuning_resumes_to_identical_weights(full_run: Path, tmp_path: Path) -> None:
    resumed = interrupted(full_run, tmp_path / "resumed")
    assert mft("run", "--resume", "--output", str(resumed)) == 0
    assert {str(tensor.dtype) for tensor in weights(resumed).values()} == {"float32"}
    assert largest_difference(weights(resumed), weights(full_run)) == 0
    assert last_losses(resumed) == last_losses(full_run)


def test_a_merged_model_computes_in_plain_transformers_what_the_run_s_does(run: Path, tmp_path: Path) -> None:
    """Rounded to bfloat16 once more; and in float32, which no merging rounds."""
    for dtype, more in (("bfloat16", ()), ("float32", ("--dtype", "float32"))):
        assert mft("export", str(run), "--output", str(tmp_path / dtype), *more) == 0
        stored = load_file(tmp_path / dtype / "model.safetensors")
        assert {tensor.dtype for tensor in stored.values()} == {getattr(torch, dtype)}
    ids = random_ids(20)
    tuned, _ = load_run(run, ADAPTERS.items())
    merged, exact = (AutoModelForCausalLM.from_pretrained(tmp_path / name) for name in ("bfloat16", "float32"))
    with torch.no_grad():
        expected = logits_alone(exact.eval(), ids)
        assert relative_difference(logits_alone(tuned, ids), expected) < ROUNDING
        assert relative_difference(logits_alone(merged.eval(), ids), expected) < ROUNDING
        with tuned.disable_adapter():
            assert relative_difference(logits_alone(tuned, ids), expected) > 2 * ROUNDING


def test_a_batch_with_a_cache_continues_with_the_likeliest_tokens(assistant: Assistant) -> None:
    """As far as rounding can tell: where two tokens are about as likely, either may be taken."""
    prompts = [assistant.prompt_ids([Turn("user", text)]) for text in QUESTIONS]
    drawings = [Drawing(prompt) for prompt in prompts]
    continued = continue_prompts(assistant.model, assistant.tokenizer, drawings, Decoding(12))
    for prompt, new in zip(prompts, continued, strict=True):
        assert len(new) == 12
        with torch.no_grad():
            logits = logits_alone(assistant.model, torch.tensor(prompt + new))[len(prompt) - 1 : -1].float()
        taken = logits.gather(1, torch.tensor(new)[:, None])[:, 0]
        assert (logits.amax(1) - taken).max() <= ROUNDING * logits.abs().max()


def evaluate(run: Path, output: Path, *more: str) -> dict[tuple[str, str], float]:
    """What `mft eval` finds, by set and metric."""
    assert mft("eval", str(run), "--output", str(output), *more) == 0
    results = json.loads((output / "results.json").read_text())["results"]
    return {(row["set"], row["metric"]): row["value"] for row in results}


def test_a_finished_run_has_the_losses_it_logged(run: Path, tmp_path: Path) -> None:
    found = evaluate(run, tmp_path / "out", "--on", "loss")
    assert {name: found[name, "loss"] for name in SIZES} == pytest.approx(last_losses(run), rel=1e-4)


def test_an_evaluation_has_the_model_write_what_it_answers(run: Path, assistant: Assistant, tmp_path: Path) -> None:
    answers = {text: assistant.answer([Turn("user", text)], Sampling(8)).text for text in QUESTIONS}
    assert any(answer.strip() for answer in answers.values())
    rows = [{"id": text, "prompt": text, "response": answer.strip() or "none"} for text, answer in answers.items()]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    options = [f"eval.exact-match.{text}" for text in (f"data={data}", "batch_size=1", "max_new_tokens=8")]
    more = [part for option in options for part in ("--set", option)]
    found = evaluate(run, tmp_path / "out", "--on", "exact-match", *more)
    written = (tmp_path / "out" / "exact-match" / "samples.jsonl").read_text().splitlines()
    assert {line["task_id"]: line["text"] for line in map(json.loads, written)} == answers
    assert found["exact-match", "exact match"] == sum(bool(answer.strip()) for answer in answers.values()) / len(
        answers
    )
