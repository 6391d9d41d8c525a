"""All that is to be tested and measured on a machine with a GPU, in two calls of ten minutes at most, into one file.

    python benchmarks/on_gpu.py tests                  # the tests that need a GPU, short runs of lora, qlora, full
    python benchmarks/on_gpu.py benchmarks             # each against its rivals, where these are installed
    python benchmarks/on_gpu.py benchmarks --try       # without a GPU: the same at tiny sizes, to try this script

Each part is a command of its own with a limit of its own. What a part gave, and that it failed or ran out of time, is a
line of JSON in `--results`, with the machine, the versions and the command. A part that the file has already is left
out, and none is begun that might not end within `--seconds`: the same call again goes on. `--again` runs those again
that were not done. Nothing is downloaded. Rivals to install before: trl, liger-kernel, cut-cross-entropy, flash-attn.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gpu_parts import HERE, Part, benchmarks, tests

PACKAGES = (
    *("torch", "triton", "transformers", "accelerate", "peft", "bitsandbytes", "mft"),
    *("trl", "liger-kernel", "cut-cross-entropy", "flash-attn"),
)
TAIL = 6000
"""Characters of a part's output that are kept."""
NO_GPU = """no CUDA device is seen by PyTorch {torch} on this machine: nothing was run.
On a machine with a GPU run the same command. Without one, --try runs everything at tiny sizes on the CPU, which tries
this script and measures nothing."""


def main() -> int:
    """Run the parts; the exit code: 0 all there are done, 1 some failed, 2 no GPU, 3 some are left for another call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tests", "benchmarks"])
    parser.add_argument("--results", type=Path, help="default: on_gpu.jsonl; with --try on_gpu_try.jsonl")
    parser.add_argument("--seconds", type=float, default=570, help="that the call may take")
    parser.add_argument("--only", default="", help="names of parts, with commas")
    parser.add_argument("--again", action="store_true", help="also the parts that failed or ran out of time")
    parser.add_argument("--try", action="store_true", dest="tiny", help="tiny sizes on the CPU; no measurement")
    arguments = parser.parse_args()
    machine = described(arguments.tiny)
    if not arguments.tiny and not machine["gpu"]:
        print(NO_GPU.format(torch=machine["packages"]["torch"]), file=sys.stderr)
        return 2
    results = arguments.results or Path("on_gpu_try.jsonl" if arguments.tiny else "on_gpu.jsonl")
    parts = (tests if arguments.what == "tests" else benchmarks)(arguments.tiny)
    wanted = arguments.only.split(",") if arguments.only else [part.name for part in parts]
    if unknown := set(wanted) - {part.name for part in parts}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in parts)}")
    chosen = [part for part in parts if part.name in wanted]
    return run_parts(chosen, results, time.monotonic() + arguments.seconds, machine, arguments.again)


def run_parts(parts: list[Part], results: Path, end: float, machine: dict[str, Any], again: bool) -> int:
    """Run what the file does not have yet, until `end`; the exit code."""
    known = outcomes(results)
    left = []
    for part in parts:
        if known.get(part.name) == "done" or (part.name in known and not again):
            print(f"{part.name}: {known[part.name]} before", flush=True)
            continue
        if end - time.monotonic() < part.limit:
            left.append(part.name)
            continue
        found = run_part(part)
        known[part.name] = found["outcome"]
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**found, **machine}) + "\n")
        print(f"{part.name}: {found['outcome']} in {found['seconds']} s\n{found['output']}", flush=True)
    if left:
        print(f"left for another call of the same command: {', '.join(left)}", flush=True)
        return 3
    return int(any(known[part.name] != "done" for part in parts))


def outcomes(results: Path) -> dict[str, str]:
    """By part, how it ended the last time."""
    if not results.exists():
        return {}
    lines = (json.loads(line) for line in results.read_text(encoding="utf-8").splitlines())
    return {line["part"]: line["outcome"] for line in lines}


def run_part(part: Part) -> dict[str, Any]:
    """Run one, all of whose processes end with it."""
    started = time.monotonic()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        part.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True, cwd=HERE.parent, env=environment,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=part.limit)
        outcome = "failed" if process.returncode else "done"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        outcome = f"out of time: {part.limit} s"
    return {
        "part": part.name, "outcome": outcome, "seconds": round(time.monotonic() - started, 1),
        "command": " ".join(part.command), "exit_code": process.returncode, "figures": figures(output),
        "output": output[-TAIL:],
    }  # fmt: skip


def figures(output: str) -> list[dict[str, str]]:
    """The rows of the Markdown tables in a part's output, by their columns' titles."""
    found: list[dict[str, str]] = []
    titles: list[str] = []
    for line in output.splitlines():
        if not line.startswith("|"):
            titles = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not titles:
            titles = cells
        elif set(line) - set("|- "):
            found.append(dict(zip(titles, cells, strict=False)))
    return found


def described(tiny: bool) -> dict[str, Any]:
    """What the results were got on: a CPU at tiny sizes is no measurement, and says so."""
    import torch

    gpu: dict[str, Any] = {}
    if torch.cuda.is_available() and not tiny:
        properties = torch.cuda.get_device_properties(0)
        gpu = {"name": properties.name, "mb": properties.total_memory // 2**20, "count": torch.cuda.device_count()}
        gpu |= {"capability": f"{properties.major}.{properties.minor}", "cuda": torch.version.cuda}
    return {
        "measures": bool(gpu), "gpu": gpu, "packages": {name: installed(name) for name in PACKAGES},
        "machine": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count(),
        "commit": commit(), "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }  # fmt: skip


def installed(package: str) -> str:
    """Its version; "": it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def commit() -> str:
    """Of this repository, with + where files are changed; "": it is not one of git."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
