"""How an endpoint is asked, as options of whatever asks one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mft_core.endpoint.client import EndpointSettings
from mft_core.registry.options import Options


class AskingOptions(Options):
    """Options of what asks an endpoint."""

    key_variable: str = Field("OPENAI_API_KEY", description="environment variable that holds the endpoint's key")
    timeout: float = Field(120.0, gt=0, description="seconds that one answer may take")
    tries: int = Field(6, ge=1, description="for every question, waits that the endpoint asks for not counted")
    first_pause: float = Field(1.0, ge=0, description="seconds; most between the first two tries, then twice as many")

    def settings(self, url: str, model: str, **more: Any) -> EndpointSettings:
        """These options for one model of one endpoint.

        Args:
            more: the other settings, by their names in `EndpointSettings`.
        """
        return EndpointSettings(
            url,
            model,
            key_variable=self.key_variable,
            seconds=self.timeout,
            tries=self.tries,
            first_pause=self.first_pause,
            **more,
        )
