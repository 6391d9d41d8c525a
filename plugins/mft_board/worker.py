"""A process of its own for what needs torch: samples of a run's data, and answers of models.

It reads requests and writes replies, a JSON object a line. If it dies, of memory for instance, the board goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mft_core.errors import MftError, first_line

Request = Mapping[str, Any]
Reply = dict[str, Any]


def main() -> None:
    """Answer until nobody asks any more."""
    # Libraries print what they like: to where errors go, since the real output is for replies.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        for line in sys.stdin:
            for reply in _replies(json.loads(line)):
                output.write(json.dumps(reply) + "\n")
                output.flush()


def _replies(request: Request) -> Iterator[Reply]:
    try:
        yield from _work(request["work"])(request)
        yield {"end": True}
    except MftError as error:
        yield {"error": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - one request's fault must not end the others
        yield {"error": f"{type(error).__name__}: {first_line(error)}", "hint": ""}


def _work(name: str) -> Callable[[Request], Iterator[Reply]]:
    if name == "answer":
        from mft_board.answers import answer

        return answer
    from mft_board import samples

    return {"samples": samples.samples, "prompts": samples.prompts}[name]


if __name__ == "__main__":
    main()
