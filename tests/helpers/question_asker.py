"""Asks an endpoint many questions at once: question_asker.py URL FOLDER COUNT WORKERS LENGTH"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from mft_core.endpoint.client import Endpoint, EndpointSettings


def ask_many(url: str, folder: Path, count: int, workers: int, length: int = 0) -> None:
    """Ask that many questions, so long, and leave the beginnings of their answers; says what that took."""
    folder.mkdir(exist_ok=True)
    settings = EndpointSettings(url, "lean-1", "NONE", concurrency=workers)

    def ask(number: int) -> str:
        question = f"{number} " + "?" * length
        return endpoint.ask("one", [{"role": "user", "content": question}]).text[:40]

    with closing(Endpoint(settings, folder / "journal.jsonl")) as endpoint, ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(ask, range(count)))
        spent = endpoint.spending
    (folder / "answers.txt").write_text("\n".join(answers), encoding="utf-8")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    sys.stdout.write(f"{spent.requests} {spent.tokens} {status['VmHWM'].split()[0]} {'torch' in sys.modules}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    ask_many(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
