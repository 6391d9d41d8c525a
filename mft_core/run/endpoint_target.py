"""A model behind an OpenAI-compatible endpoint, to be evaluated: `endpoint:URL#MODEL` in place of a run or a base."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from mft_core.endpoint.answering import EndpointAnswerer, host_of
from mft_core.endpoint.options import AskingOptions
from mft_core.errors import UsageError
from mft_core.registry.options import options_error
from mft_core.support import run_files

SCHEME = "endpoint:"
FORM = "endpoint:URL#MODEL"
EXAMPLE = "For example endpoint:http://localhost:8000/v1#Qwen/Qwen2.5-Coder-7B-Instruct"


class EndpointOptions(AskingOptions):
    """Options of an endpoint that is evaluated; `--set endpoint.KEY=VALUE` sets them."""

    timeout: float = Field(600.0, gt=0, description="seconds that one answer may take")
    concurrency: int = Field(16, ge=1, description="most questions under way; fewer while the endpoint asks for it")
    most_stops: int = Field(0, ge=0, description="stop strings that it takes, 4 for OpenAI's own; 0: any number")
    parameters: dict[str, Any] = Field({}, description='further fields of a request, such as {"top_k": -1}')


@dataclass
class EndpointTarget:
    """What is evaluated.

    Attributes:
        url: up to and with the version.
        model: as the endpoint calls it.
        folder: for the journal of requests and responses.
        options: how it is asked.
    """

    url: str
    model: str
    folder: Path
    options: EndpointOptions = field(default_factory=EndpointOptions)

    @property
    def reference(self) -> str:
        """As the command line names it, without user and password."""
        parts = urlsplit(self.url)
        return f"{SCHEME}{parts.scheme}://{host_of(self.url)}{parts.path}#{self.model}"

    @property
    def fingerprint(self) -> str:
        """What must be equal for an interrupted evaluation to go on. The weights are not known."""
        return f"{self.reference} {json.dumps(self.options.parameters, sort_keys=True)}"

    @property
    def notices(self) -> Sequence[str]:
        """There is no data to say anything of."""
        return ()

    @property
    def tasks(self) -> None:
        """It has none: they are laid out by a tokenizer, and measured by token."""

    @cached_property
    def answerer(self) -> EndpointAnswerer:
        """Asks the endpoint, from now on."""
        asking, parameters = self.options.concurrency, self.options.parameters
        settings = self.options.settings(self.url, self.model, concurrency=asking, parameters=parameters)
        return EndpointAnswerer(settings, self.folder / run_files.REQUESTS, self.options.most_stops)

    def close(self) -> None:
        """End what is under way, if anything was asked."""
        if "answerer" in vars(self):
            self.answerer.close()


def endpoint_target(target: str, given: Mapping[str, Any], folder: Path) -> EndpointTarget:
    """The endpoint that `endpoint:URL#MODEL` names.

    Args:
        given: options by name.
        folder: of the evaluation.

    Raises:
        UsageError: it is not of this form, the URL cannot be one, or an option is none.
    """
    url, _, model = target.removeprefix(SCHEME).partition("#")
    parts = urlsplit(url)
    if not model or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"an endpoint is named {FORM}, and this is not: {target}", EXAMPLE)
    if parts.query:
        hint = f"A key is read from the environment: --set endpoint.key_variable=NAME. {EXAMPLE}"
        raise UsageError("the URL of an endpoint has nothing behind a question mark", hint)
    try:
        options = EndpointOptions.model_validate(dict(given))
    except ValidationError as error:
        raise options_error(error, "the endpoint", "endpoint", list(EndpointOptions.model_fields)) from error
    return EndpointTarget(url, model, folder, options)
