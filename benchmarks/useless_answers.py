"""A copy of a folder of tasks in which the answers of one task are shuffled among its questions.

    python benchmarks/useless_answers.py --data ../shared/data/tasks --task text2code --output /tmp/useless

For the question of docs/evidence.md whether a balancer protects the other tasks. The answers of the validation records
are shuffled too, as they would be where somebody's data is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from pathlib import Path

ANSWER = "response"


def main() -> None:
    """Copy, then shuffle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help='task folders of {"prompt", "response"} lines')
    parser.add_argument("--task", required=True, help="whose answers become useless")
    parser.add_argument("--output", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    shutil.copytree(arguments.data, arguments.output)
    for path in sorted((arguments.output / arguments.task).glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        answers = [record[ANSWER] for record in records]
        random.Random(0).shuffle(answers)
        lines = [
            json.dumps({**record, ANSWER: answer}, ensure_ascii=False) + "\n"
            for record, answer in zip(records, answers, strict=True)
        ]
        path.write_text("".join(lines), encoding="utf-8")
        print(f"{path}: {len(records):,} answers shuffled")


if __name__ == "__main__":
    main()
