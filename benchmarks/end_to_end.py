"""Real tokens per second of a whole training step: mft against Hugging Face's Trainer and TRL, side by side.

    python benchmarks/end_to_end.py                          # the stdlib tasks
    python benchmarks/end_to_end.py --data ../shared/data/tasks --rounds 5 --dtype bfloat16
    python benchmarks/end_to_end.py --balancers --samples 60 # what mft's own losses cost
    python benchmarks/end_to_end.py --device cuda --dtype bfloat16 --shape 7b --four-bits --tokenizer tiny --samples 100

The model is a random Llama, 8 layers of 512, with SmolLM2's vocabulary of 49,152, or of the widths of a Qwen2.5.
Everybody trains the same LoRA on the same samples, tokenised once, for one epoch; each contender in a process of its
own, one after the other, `--rounds` times. The first optimizer step is not counted. The learning rate is next to
nothing, so that all of them must see the same loss; that is asserted. A probe every ten steps shows in some tens of
steps only: 60 samples.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from side_by_side import Measurement, interleave, print_table

from mft_core.recipe.loading import load_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.plan import Plan, make_plan

HERE = Path(__file__).parent
CONTENDERS = (
    "mft",
    "hf-pad",
    "hf-dynamic",
    "hf-grouped",
    "trl-padding-free",
    "trl-best-fit",
    "gemm-floor",
    "linear-floor",
)
SHAPES = {
    "tiny": (64, 160, 2, 4, 2, 8192),
    "small": (512, 1408, 8, 8, 8, 49152), "0.5b": (896, 4864, 24, 14, 2, 151936),
    "1.5b": (1536, 8960, 28, 12, 2, 151936), "7b": (3584, 18944, 28, 28, 4, 152064),
}  # fmt: skip
"""Hidden and inner size, layers, heads, key-value heads, vocabulary; but for the first two those of Qwen2.5."""
BASELINE = "trl-best-fit"
BALANCERS = (
    "mft balanced",
    "mft famo probe_samples=1",
    "mft famo probe_samples=1 every=10",
    "mft famo probe_samples=8",
    "mft coba probe_samples=1",
)
LOSS_TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="folder of task folders; default: the stdlib source")
    parser.add_argument("--samples", type=int, default=12, help="per task")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32", choices=list(LOSS_TOLERANCE))
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--samples-per-forward", type=int, default=4, help="of those who do not pack; divides 24")
    parser.add_argument("--contenders", default="", help="with commas")
    parser.add_argument("--peers-there", action="store_true", help="mft, one of the Trainer's, TRL's where installed")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="there peak MB is the GPU's")
    parser.add_argument("--shape", default="small", choices=list(SHAPES))
    parser.add_argument("--four-bits", action="store_true", help="QLoRA: NF4 with doubly quantised scales")
    parser.add_argument("--tokenizer", default="smollm2", choices=["smollm2", "tiny"], help="tiny: no download")
    parser.add_argument("--balancers", action="store_true")
    arguments = parser.parse_args()
    default, baseline = (BALANCERS, BALANCERS[0]) if arguments.balancers else (CONTENDERS, BASELINE)
    if arguments.peers_there:
        default = ("mft", *(("trl-best-fit",) if find_spec("trl") else ()), "hf-grouped")
        baseline = default[1]
    names = arguments.contenders.split(",") if arguments.contenders else default
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        plan = _prepare(work, arguments)
        print(f"{len(plan.training.table)} samples, {int(plan.training.table.lengths.sum()):,} tokens, "
              f"{int(plan.training.table.supervised.sum()):,} supervised; {arguments.dtype}, "
              f"{arguments.shape}{', four bits' if arguments.four_bits else ''} on {arguments.device}")  # fmt: skip
        print(f"mft check expects {_expected_mb(work):,.0f} MB for mft, without what the process itself takes")
        results = interleave(names, lambda name: _measure(name, work), arguments.rounds)
        _assert_equal_losses(results, LOSS_TOLERANCE[arguments.dtype])
        print_table(results, baseline)


def _prepare(work: Path, arguments: argparse.Namespace) -> Plan:
    """The base, the recipe and the samples that all contenders use."""
    catalog = discover(Workspace.find()).catalog
    wishes = {
        "model.base": arguments.tokenizer, "data.max_samples": arguments.samples,
        "data.max_length": arguments.max_length, "data.max_valid_samples": 8 if arguments.balancers else 1,
    }  # fmt: skip
    if arguments.tokenizer == "tiny":
        wishes["model.adapter"] = "llama"
    if arguments.data:
        wishes["data.path"] = str(Path(arguments.data).resolve())
    plan = make_plan(load_recipe(None, list(wishes.items())), catalog)
    _write_base(work, arguments)
    plan.tokenizer.save_pretrained(work / "base")
    settings = {
        "dtype": arguments.dtype, "max_length": arguments.max_length, "data": wishes.get("data.path", ""),
        "samples": arguments.samples, "valid_samples": wishes["data.max_valid_samples"],
        "samples_per_forward": arguments.samples_per_forward, "device": arguments.device,
        "method": "qlora" if arguments.four_bits else "lora",
    }  # fmt: skip
    (work / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    with (work / "samples.jsonl").open("w", encoding="utf-8") as stream:
        for index in range(len(plan.training.table)):
            ids, supervised = plan.training.table.tokens(index)
            labels = [int(token) if target else -100 for token, target in zip(ids, supervised, strict=True)]
            stream.write(json.dumps({"input_ids": ids.tolist(), "labels": labels}) + "\n")
    return plan


def _write_base(work: Path, arguments: argparse.Namespace) -> None:
    """Random weights of the shape, in the dtype and on the device of training, where a large one takes seconds."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    hidden, inner, layers, heads, key_value_heads, vocabulary = SHAPES[arguments.shape]
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_value_heads, max_position_embeddings=4096,
        tie_word_embeddings=arguments.shape in ("0.5b", "1.5b"), dtype=arguments.dtype,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, arguments.dtype))
    with torch.device(arguments.device):
        LlamaForCausalLM(config).save_pretrained(work / "base")
    torch.set_default_dtype(torch.float32)
    if arguments.device == "cuda":
        torch.cuda.empty_cache()  # for the contenders


def _expected_mb(work: Path) -> float:
    """What `mft check` says before the run that is measured: of the step's tensors, without the process's own."""
    from trainers import wishes

    from mft_core.run.memory import expected_memory, with_checkpointing_decided

    settings = json.loads((work / "settings.json").read_text(encoding="utf-8"))
    recipe = load_recipe(None, list(wishes(work, settings).items()))
    plan = with_checkpointing_decided(make_plan(recipe, discover(Workspace.find()).catalog))
    return expected_memory(plan, plan.recipe).total / 2**20


def _measure(name: str, work: Path) -> Measurement:
    """One contender in a process of its own; its last line is the measurement."""
    done = subprocess.run(
        [sys.executable, str(HERE / "trainers.py"), name, str(work)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}{done.stderr}")
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def _assert_equal_losses(results: dict[str, list[Measurement]], tolerance: float) -> None:
    losses = {name: found[0].loss for name, found in results.items() if not math.isnan(found[0].loss)}
    reference = next(iter(losses.values()))
    assert all(abs(loss / reference - 1) < tolerance for loss in losses.values()), losses


if __name__ == "__main__":
    main()
