"""In the worker: what a model answers, piece by piece; torch is imported here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.generation.answering import Answer, Sampling
from mft_core.generation.opening import open_folder
from mft_core.recipe.loading import load_recipe
from mft_core.records import Turn
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support import run_files
from mft_core.support.thoughts import without_thought

if TYPE_CHECKING:
    from mft_core.generation.assistant import Assistant


class LastModel:
    """The model that answered last: two may not fit into memory."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str], Assistant] = {}

    def answer(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The text as it comes, then how long it was and, where a reference is given, how near to it."""
        return _answer(self._assistant(request["folder"], request["run"]), request)

    def _assistant(self, folder: str, run: str) -> Assistant:
        key = folder, run
        if key not in self._opened:
            self._opened.clear()
            self._opened[key] = open_folder(Path(folder), discover(Workspace.find()).opening(Path(run)).catalog)
        return self._opened[key]


def _answer(assistant: Assistant, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    system = request["system"] or load_recipe(Path(request["run"]) / run_files.RECIPE).data.system
    turns = [*([Turn("system", system)] if system else []), Turn("user", request["prompt"])]
    sampling = Sampling(request["tokens"], request["temperature"])
    yield {"loaded": True}
    pieces: queue.Queue[str | None] = queue.Queue()
    outcome: list[Answer | BaseException] = []

    def write() -> None:
        try:
            outcome.append(assistant.answer(turns, sampling, pieces.put))
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that is asked
            outcome.append(error)
        pieces.put(None)

    threading.Thread(target=write, daemon=True).start()
    while (piece := pieces.get()) is not None:
        yield {"text": piece}
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    yield {"tokens": result.new_tokens, "finished": result.finished, **_scores(result.text, request["reference"])}


def _scores(text: str, reference: str) -> dict[str, Any]:
    """Whether an answer is the reference, and its chrF (sacrebleu's, 0 to 100)."""
    if not reference:
        return {}
    from sacrebleu import sentence_chrf

    said, wanted = without_thought(text).strip(), without_thought(reference).strip()
    return {"equal": said == wanted, "chrf": sentence_chrf(said, [wanted]).score}
