"""Options of what asks an endpoint."""

from __future__ import annotations

from mft_core.endpoint.client import EndpointSettings
from mft_core.endpoint.options import AskingOptions


def test_the_defaults_are_those_of_the_settings() -> None:
    assert AskingOptions().settings("http://h/v1", "m") == EndpointSettings("http://h/v1", "m")


def test_every_option_arrives() -> None:
    options = AskingOptions(key_variable="K", timeout=1, tries=2, first_pause=3)
    expected = EndpointSettings("http://h/v1", "m", "K", 1, 2, 3, concurrency=4)
    assert options.settings("http://h/v1", "m", concurrency=4) == expected
