"""An OpenAI-compatible endpoint whose answers a small model of ours writes, as vLLM would with its weights."""

from __future__ import annotations

import json
import threading
from typing import Any

from helpers.fake_endpoint import Answer as Plan
from helpers.fake_endpoint import Handler
from mft_core.evaluation.scoring import before_stop
from mft_core.generation.answering import Prompt, Sampling
from mft_core.generation.assistant import Assistant
from mft_core.records import Turn


def answered_by(assistant: Assistant, name: str = "tiny-served") -> Plan:
    """What a `FakeEndpoint` does with every request: it has the model answer, one request at a time.

    /chat/completions lays turns out by the assistant's tokenization, /completions goes on with a text. Answers end
    before a stop string, which is left out, as servers do.
    """
    turn = threading.Lock()

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        is_chat = handler.path.endswith("/chat/completions")
        prompt: Prompt = (
            body["prompt"] if not is_chat else [Turn(one["role"], one["content"]) for one in body["messages"]]
        )
        stop = tuple(body.get("stop", ()))
        with turn:
            sampling = Sampling(body["max_tokens"], body["temperature"], stop=stop)
            (found,) = assistant.answer_many([prompt], sampling, [(body.get("seed", 0),)])
        text = before_stop(found.text, stop)
        said = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        choice = {"index": 0, "finish_reason": "stop" if found.finished else "length", **said}
        usage = {"prompt_tokens": found.prompt_tokens, "completion_tokens": found.new_tokens}
        handler.send(200, json.dumps({"model": name, "choices": [choice], "usage": usage}))

    return answer
