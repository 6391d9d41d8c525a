"""`mft generate`: one answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mft_cli.names import check_target
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session
from mft_cli.streams import checked, read_anything

TargetArgument = Annotated[str, typer.Argument(metavar="RUN|BASE", help="A run folder, or what --base takes.")]
ModelOption = Annotated[str, typer.Option("--model", metavar="NAME", help="Model family; recognised by default.")]
BaseOption = Annotated[
    str,
    typer.Option(
        "--base", metavar="REF", help="Where an adapter's base lies, if no longer where it was; checked to be that one."
    ),
]
TokensOption = Annotated[int, typer.Option("--max-new-tokens", min=1, metavar="N", help="Most tokens of an answer.")]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", min=0.0, metavar="T", help="0: always the likeliest token.")
]
SystemOption = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT", help="A system message; of a run, its data.system if not given."),
]


def generate(
    context: typer.Context,
    target: TargetArgument,
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="TEXT", help='The user\'s message; "-" reads it from stdin.')
    ],
    system: SystemOption = None,
    model: ModelOption = "",
    base: BaseOption = "",
    max_new_tokens: TokensOption = 512,
    temperature: TemperatureOption = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the sampling.")] = 0,
    plugin: PluginOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Answer one message with a run's model, or with an untuned base, laid out as in training."""
    session: Session = context.obj
    catalog = session.use(plugin).opening(Path(target)).catalog
    check_target(target, model, catalog, base)
    text = _stdin() if prompt == "-" else checked(prompt, "--prompt")
    checked(system or "", "--system")
    from mft_core.generation.answering import Sampling
    from mft_core.generation.opening import open_assistant
    from mft_core.records import Turn

    assistant = open_assistant(target, catalog, model, base)
    system = assistant.system if system is None else system
    turns = [Turn("system", system)] if system else []
    answer = assistant.answer(
        [*turns, Turn("user", text)],
        Sampling(max_new_tokens, temperature, seed),
        None if json_output else lambda piece: typer.echo(piece, nl=False),
    )
    if json_output:
        facts = {"prompt": text, "text": answer.text, "prompt_tokens": answer.prompt_tokens}
        typer.echo(json.dumps({**facts, "new_tokens": answer.new_tokens, "finished": answer.finished}))
    else:
        typer.echo()


def _stdin() -> str:
    read_anything()
    return checked(sys.stdin.read(), "The prompt on standard input", sys.stdin.encoding)
