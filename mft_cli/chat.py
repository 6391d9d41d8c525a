"""`mft chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from mft_cli.display import show_error
from mft_cli.generate import BaseOption, ModelOption, SystemOption, TargetArgument, TemperatureOption, TokensOption
from mft_cli.names import check_target
from mft_cli.session import DebugOption, PluginOption, Session
from mft_cli.streams import checked, read_anything
from mft_core.errors import UsageError

NEW_CONVERSATION, LEAVE = "/new", "/exit"


def chat(
    context: typer.Context,
    target: TargetArgument,
    system: SystemOption = None,
    model: ModelOption = "",
    base: BaseOption = "",
    max_new_tokens: TokensOption = 512,
    temperature: TemperatureOption = 0.0,
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """Talk with a run's model, or with an untuned base. Piped input is taken as one message a line."""
    session: Session = context.obj
    catalog = session.use(plugin).opening(Path(target)).catalog
    check_target(target, model, catalog, base)
    checked(system or "", "--system")
    from mft_core.generation.answering import Sampling
    from mft_core.generation.opening import open_assistant
    from mft_core.records import Turn

    assistant = open_assistant(target, catalog, model, base)
    sampling = Sampling(max_new_tokens, temperature)
    system = assistant.system if system is None else system
    opening = [Turn("system", system)] if system else []
    turns = list(opening)
    for message in _messages():
        if message == NEW_CONVERSATION:
            turns = list(opening)
            continue
        turns.append(Turn("user", message))
        answer = assistant.answer(turns, sampling, lambda piece: typer.echo(piece, nl=False))
        typer.echo()
        turns.append(Turn("assistant", answer.text))


def _messages() -> Iterator[str]:
    """What the user says, without empty lines, until the end of input, Ctrl-C or /exit."""
    interactive = sys.stdin.isatty()
    read_anything()
    if interactive:
        import readline  # noqa: F401 - gives input() line editing and history

        typer.echo(f"{NEW_CONVERSATION} starts anew, {LEAVE} or Ctrl-D leaves.", err=True)
    while True:
        try:
            message = input("> " if interactive else "").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if message == LEAVE:
            return
        try:
            checked(message, "This message", sys.stdin.encoding)
        except UsageError as error:
            show_error(error.message, f"{error.hint} It is left out; the conversation goes on.")
            continue
        if message:
            yield message
