"""Commands called as `mft` does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from mft_cli.chat import chat
from mft_cli.export import export
from mft_cli.generate import generate
from mft_cli.session import Session


@pytest.fixture
def command(session: Session) -> Callable[..., Result]:
    """Calls one of the commands as `mft` does."""
    app = typer.Typer()
    for function in (chat, generate, export):
        app.command(function.__name__)(function)

    def call(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, obj=session)

    return call
