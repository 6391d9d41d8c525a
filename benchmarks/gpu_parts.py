"""What `on_gpu.py` runs, part by part: each a command of its own, at full size on a GPU or at a tiny one on a CPU."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SHAPES = ("0.5b", "1.5b", "7b")
SAMPLES = {"0.5b": 120, "1.5b": 60, "7b": 30}
"""Of each task: a larger model takes longer for each."""


@dataclass(frozen=True)
class Part:
    """One thing that is measured or tested.

    Attributes:
        name: names it in the file of results.
        command: what is run.
        limit: seconds it may take; a part is not begun where less is left.
    """

    name: str
    command: tuple[str, ...]
    limit: int


def tests(tiny: bool) -> list[Part]:
    """The suite's tests that need a GPU, and whole runs on one."""
    folder = HERE.parent / "tests"
    where = folder / "nn" / "test_chunk_losses_triton.py" if tiny else folder
    cuda = (sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", str(where))
    runs = [
        Part(f"run-{method}", _run(method, "float32" if tiny else "bfloat16"), 150)
        for method in ("lora", "qlora", "full")
    ]
    return [Part("cuda-tests", cuda, 300), *runs]


def _run(method: str, dtype: str) -> tuple[str, ...]:
    keys = (
        f"model.dtype={dtype}", f"tune.method={method}", "data.max_samples=16", "data.max_valid_samples=4",
        "train.steps=4", "train.log_every=1", "train.batch_size=4", "train.callbacks=[]",
    )  # fmt: skip
    flags = [part for key in keys for part in ("--set", key)]
    return (str(HERE / "run_once.sh"), sys.executable, "run", "--model", "llama", "--base", "tiny", *flags)


def benchmarks(tiny: bool) -> list[Part]:
    """Every comparison; those that decide most come first, where time runs out."""
    return [*_whole_steps(tiny, SHAPES[:1]), *_kernels(tiny), *_whole_steps(tiny, SHAPES[1:])]


def _kernels(tiny: bool) -> list[Part]:
    device, dtype = ("cpu", "float32") if tiny else ("cuda", "bfloat16")
    common = ("--device", device, "--dtype", dtype, "--rounds", "1" if tiny else "3")
    head = ("128", "32", "512") if tiny else ("16384", "3584", "151936")
    head_sizes = ("--tokens", head[0], "--hidden", head[1], "--vocabulary", head[2])
    parts = [
        Part("head-frozen", _python("head.py", *common, *head_sizes), 150),
        Part("head-trained", _python("head.py", *common, *head_sizes, "--trainable"), 150),
    ]
    for tokens in ("256", "512") if tiny else ("4096", "16384"):
        sizes = ("--tokens", tokens, "--width", "16" if tiny else "128", "--repetitions", "2" if tiny else "10")
        parts.append(Part(f"attention-{tokens}", _python("attention.py", *common, *sizes), 60))
    layers = ("--tokens", "64") if tiny else ("--tokens", "8192", "--hidden", "4096", "--head", "128")
    linear = ("--tokens", "64", "--sizes", "64x64") if tiny else ("--tokens", "8192", "--sizes", "3584x3584,3584x18944")
    parts.append(Part("norms-and-rotations", _python("fused_layers.py", *common, *layers), 60))
    parts.append(Part("lora-linear", _python("lora_linear.py", *common, *linear), 150))
    return parts


def _whole_steps(tiny: bool, shapes: tuple[str, ...]) -> list[Part]:
    """mft beside Hugging Face's Trainer and TRL, and its memory beside what `mft check` expects."""
    parts = []
    for shape in shapes:
        # Nothing is downloaded: random weights, the bundled tokenizer, texts of Python's own library.
        sizes = ("--tokenizer", "tiny", "--shape", "tiny" if tiny else shape, "--rounds", "1")
        data = ("--samples", "12", "--max-length", "256") if tiny else ("--samples", str(SAMPLES[shape]))
        where = ("--device", "cpu", "--dtype", "float32") if tiny else ("--device", "cuda", "--dtype", "bfloat16")
        for bits, more in (("bf16", ()), ("nf4", ("--four-bits",))):
            command = _python("end_to_end.py", *where, *sizes, *data, *more, "--peers-there")
            parts.append(Part(f"step-{shape}-{bits}", command, 120 if shape == "0.5b" else 280))
    return parts


def _python(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / script), *arguments)
