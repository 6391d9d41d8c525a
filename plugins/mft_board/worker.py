"""A process of its own for what needs torch: samples of a run's data, and answers of models.

It reads requests and writes replies, a JSON object a line. If it dies, of memory for instance, the board goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, first_line

if TYPE_CHECKING:
    from mft_board.answers import LastModel

Request = Mapping[str, Any]
Reply = dict[str, Any]


def main() -> None:
    """Answer until nobody asks any more."""
    # Libraries print what they like: to where errors go, since the real output is for replies.
    worker = Worker()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        for line in sys.stdin:
            for reply in worker.replies(json.loads(line)):
                output.write(json.dumps(reply) + "\n")
                output.flush()


class Worker:
    """What is asked of it needs torch, which is imported when it is asked."""

    def replies(self, request: Request) -> Iterator[Reply]:
        """The replies to one request, the last of which ends them or says what went wrong."""
        try:
            yield from self._work(request["work"])(request)
            yield {"end": True}
        except MftError as error:
            yield {"error": error.message, "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - one request's fault must not end the others
            yield {"error": f"{type(error).__name__}: {first_line(error)}", "hint": ""}

    def _work(self, name: str) -> Callable[[Request], Iterator[Reply]]:
        if name == "answer":
            return self._last_model.answer
        from mft_board import samples

        return {"samples": samples.samples, "prompts": samples.prompts}[name]

    @cached_property
    def _last_model(self) -> LastModel:
        from mft_board.answers import LastModel

        return LastModel()


if __name__ == "__main__":
    main()
