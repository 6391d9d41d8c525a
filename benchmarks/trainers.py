"""One contender of `end_to_end.py`: trains one epoch of the prepared samples and prints a measurement as JSON.

"mft" and "mft LOSS[ OPTION=VALUE]" are `mft run`; "gemm-floor" does nothing but the matrix products of an epoch, and
"linear-floor" leaves those of attention out.

    python benchmarks/trainers.py CONTENDER FOLDER
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from side_by_side import Measurement

RANK, ALPHA = 16, 32
RATE = 1e-12
ROWS_PER_STEP, SAMPLES_PER_STEP = 4, 24
"""An optimizer step sees about 4,000 tokens in either form: 4 full rows of 1,024, or 24 samples of about 180."""
QUERY_BLOCK = 64


def main() -> None:
    """Run the contender that the command line names."""
    name, work = sys.argv[1], Path(sys.argv[2])
    settings = json.loads((work / "settings.json").read_text(encoding="utf-8"))
    if name.endswith("-floor"):
        rate, loss = floor(work, settings, attention=name == "gemm-floor"), float("nan")
    else:
        rate, loss = _mft(work, settings, name.split()[1:]) if name.startswith("mft") else _peer(name, work, settings)
    print(json.dumps(asdict(Measurement(rate, loss, _peak_mb(settings["device"])))))


def _peak_mb(device: str) -> float:
    """Largest memory of this process, MB: of its tensors on a GPU, resident on a CPU."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def wishes(work: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Keys of the recipe of `mft run`, which are the settings of all contenders."""
    found = {
        "model.base": str(work / "base"), "model.dtype": settings["dtype"], "data.max_samples": settings["samples"],
        "data.max_valid_samples": settings["valid_samples"], "data.max_length": settings["max_length"],
        "tune.method": settings["method"], "tune.rank": RANK, "tune.alpha": ALPHA, "tune.dropout": 0,
        "train.batch_size": ROWS_PER_STEP, "train.micro_batch_size": 1, "train.learning_rate": RATE,
        "train.min_learning_rate": RATE, "train.eval_every": 0, "train.log_every": 1, "train.epochs": 1,
    }  # fmt: skip
    return {**found, **({"data.path": settings["data"]} if settings["data"] else {})}


def _mft(work: Path, settings: dict[str, Any], loss: list[str]) -> tuple[float, float]:
    """`mft run`, as a user calls it, with every default that matters for speed; its own events say how fast it was.

    Args:
        loss: the name of a loss and its options; []: the plain mean over tokens.
    """
    from mft_cli.app import run_command_line
    from mft_core.events import read_events

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        name, *options = loss or ["mixed"]
        command = ["run", "--loss", name, "--output", str(run), "--json"]
        command += [part for option in options for part in ("--set", f"loss.{option}")]
        keys = wishes(work, settings).items()
        code = run_command_line([*command, *(part for k, v in keys for part in ("--set", f"{k}={v}"))])
        if code:
            raise SystemExit(code)
        steps = [event for event in read_events(run / "metrics.jsonl") if event["event"] == "train"]
    seconds = [after["seconds"] - before["seconds"] for before, after in pairwise(steps)]
    tokens = sum(step["tokens_per_second"] * took for step, took in zip(steps[1:], seconds, strict=True))
    tasks = [task for step in steps for task in step["tasks"].values() if task["tokens"]]
    targets = sum(task["tokens"] for task in tasks)
    return tokens / sum(seconds), sum(task["loss"] * task["tokens"] for task in tasks) / targets


def floor(work: Path, settings: dict[str, Any], *, attention: bool) -> float:
    """Tokens per second of nothing but the matrix products that an epoch of LoRA cannot do without, over full rows.

    Every frozen linear: forward and the gradient of its input. LoRA's A and B: forward and both gradients. The head, on
    supervised tokens: forward and the gradient of its input.
    """
    import torch
    from transformers import AutoConfig

    torch.manual_seed(0)
    config, dtype = AutoConfig.from_pretrained(work / "base"), getattr(torch, settings["dtype"])
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes = [(hidden, hidden)] * 4 + [(hidden, inner)] * 2 + [(inner, hidden)]
    layers = [[torch.randn(o, i, dtype=dtype) for i, o in shapes] for _ in range(config.num_hidden_layers)]
    head = torch.randn(config.vocab_size, hidden, dtype=dtype)
    samples = [json.loads(line)["labels"] for line in (work / "samples.jsonl").open(encoding="utf-8")]
    tokens = sum(map(len, samples))
    supervised = sum(label != -100 for labels in samples for label in labels)
    rows = settings["max_length"]
    share = max(1, round(rows * supervised / tokens))

    def row() -> None:
        for layer in layers:
            for weight in layer:
                _linear_products(torch.ones(rows, weight.shape[1], dtype=dtype), weight)
        logits = torch.ones(share, hidden, dtype=dtype) @ head.t()
        torch.mm(logits, head)

    def epoch_of_attention() -> None:
        for labels in samples:
            states = torch.randn(config.num_attention_heads, len(labels), hidden // config.num_attention_heads)
            for _ in layers:
                _attention_products(states)

    row()
    seconds = _seconds(row, max(3, tokens // rows)) * tokens / rows
    return tokens / (seconds + (_seconds(epoch_of_attention, 1) if attention else 0))


def _seconds(action: Callable[[], None], repetitions: int) -> float:
    """Of one of them."""
    started = time.perf_counter()
    for _ in range(repetitions):
        action()
    return (time.perf_counter() - started) / repetitions


def _attention_products(states: Any) -> None:
    """The two products of a causal attention's forward and the five of its backward, blocks of queries at a time.

    Args:
        states: [heads, length, D], in the place of queries, keys and values; no dtype but float32, as on a CPU.
    """
    for start in range(0, states.shape[1], QUERY_BLOCK):
        queries, seen = states[:, start : start + QUERY_BLOCK], states[:, : start + QUERY_BLOCK]
        for _ in range(3):  # scores, once more in the backward; the gradient of the weights
            scores = queries @ seen.mT
        for _ in range(2):  # the result; the gradient of the queries
            scores @ seen
        for _ in range(2):  # the gradients of keys and values
            scores.mT @ queries


def _linear_products(x: Any, weight: Any) -> None:
    """Forward and backward of one frozen linear with LoRA."""
    down, up = weight[:RANK, :], weight[:, :RANK]
    y, reduced = x @ weight.t(), x @ down.t()
    y += reduced @ up.t()
    inner = y @ up
    y @ weight
    inner @ down
    inner.t() @ x
    y.t() @ reduced


def _peer(name: str, work: Path, settings: dict[str, Any]) -> tuple[float, float]:
    """Hugging Face's Trainer, or TRL's, in its own best form for these samples."""
    import datasets
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    datasets.disable_progress_bars()
    torch.manual_seed(0)
    samples = [json.loads(line) for line in (work / "samples.jsonl").open(encoding="utf-8")]
    data = datasets.Dataset.from_list(samples)
    model = AutoModelForCausalLM.from_pretrained(work / "base", dtype=settings["dtype"], **_loading(settings))
    tokenizer = AutoTokenizer.from_pretrained(work / "base")
    lora = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear")
    model = get_peft_model(model, lora)
    clock = _clock()
    with tempfile.TemporaryDirectory() as output:
        trainer = _trainer(name, model, tokenizer, data, settings, output)
        trainer.add_callback(clock)
        _count(trainer, clock)
        trainer.train()
    return clock.tokens / clock.seconds, clock.loss / clock.targets


def _loading(settings: dict[str, Any]) -> dict[str, Any]:
    """How a peer loads the base: on a GPU with flash attention where that is installed, in four bits as `mft` does."""
    found: dict[str, Any] = {}
    if settings["device"] == "cuda" and find_spec("flash_attn"):
        found["attn_implementation"] = "flash_attention_2"
    if settings["method"] == "qlora":
        from transformers import BitsAndBytesConfig

        found["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=settings["dtype"],
        )  # fmt: skip
        found["device_map"] = {"": settings["device"]}
    return found


def _trainer(name: str, model: Any, tokenizer: Any, data: Any, settings: dict[str, Any], output: str) -> Any:
    common = {
        "output_dir": output, "num_train_epochs": 1, "learning_rate": RATE, "report_to": "none", "save_strategy": "no",
        "logging_strategy": "no", "disable_tqdm": True, "bf16": False, "use_cpu": settings["device"] == "cpu",
        "gradient_checkpointing": False,
    }  # fmt: skip
    if name.startswith("trl"):
        return _trl(name, model, tokenizer, data, settings, common)
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    pad = {"padding": "max_length", "max_length": settings["max_length"]} if name == "hf-pad" else {"padding": True}
    grouped = {"train_sampling_strategy": "group_by_length"} if name == "hf-grouped" else {}
    arguments = TrainingArguments(
        **_batches_of_samples(settings), **grouped, **common,
    )  # fmt: skip
    return Trainer(model, arguments, DataCollatorForSeq2Seq(tokenizer, **pad), data)


def _batches_of_samples(settings: dict[str, Any]) -> dict[str, int]:
    """Arguments of a trainer that puts samples, not rows, into a forward."""
    size = settings["samples_per_forward"]
    return {"per_device_train_batch_size": size, "gradient_accumulation_steps": SAMPLES_PER_STEP // size}


def _trl(name: str, model: Any, tokenizer: Any, data: Any, settings: dict[str, Any], common: dict[str, Any]) -> Any:
    from trl import SFTConfig, SFTTrainer

    if name == "trl-best-fit":
        own = {"packing": True, "packing_strategy": "bfd", "max_length": settings["max_length"]}
        size = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": ROWS_PER_STEP}
    else:
        # It cuts nothing off without packing, and says so; nothing here is longer.
        own = {"padding_free": name == "trl-padding-free", "max_length": None}
        size = _batches_of_samples(settings)
    arguments = SFTConfig(**own, **size, **common)
    return SFTTrainer(model, arguments, train_dataset=data, processing_class=tokenizer)


def _clock() -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """Time, tokens and loss; time and tokens from the end of the first step on."""

        def __init__(self) -> None:
            self.started = self.seconds = self.loss = 0.0
            self.tokens = self.targets = 0

        def on_step_end(self, arguments: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step == 1:
                self.started, self.tokens = time.perf_counter(), 0
            self.seconds = time.perf_counter() - self.started

    return Clock()


def _count(trainer: Any, clock: Any) -> None:
    """Let every loss the trainer computes be counted with its real tokens and targets."""
    compute = trainer.compute_loss

    def counted(model: Any, inputs: Any, *more: Any, **options: Any) -> Any:
        labels, mask = inputs["labels"], inputs.get("attention_mask")
        clock.tokens += int(mask.sum()) if mask is not None else labels.numel()
        clock.targets += int((labels[:, 1:] != -100).sum())
        loss = compute(model, inputs, *more, **options)
        items = options.get("num_items_in_batch")
        value = float(loss[0] if isinstance(loss, tuple) else loss)
        clock.loss += value * float(items if items is not None else (labels[:, 1:] != -100).sum())
        return loss

    trainer.compute_loss = counted


if __name__ == "__main__":
    main()
