"""What a making depends on: typed, every key with a default and a sentence."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainSerializer

from mft_core.endpoint.options import AskingOptions
from mft_core.recipe.choices import Choice, Section, as_table, named
from mft_core.registry.options import PathText

EXERCISES = "exercises"
MethodChoice = Annotated[Choice, named(EXERCISES), PlainSerializer(as_table)]


class WriterSection(AskingOptions, Section):
    """Who is asked: a model behind an endpoint, or one on this machine."""

    endpoint: str = Field("", description='OpenAI-compatible, up to and with the version; "": `base` writes')
    name: str = Field("", description="the model, as the endpoint calls it; name one exact version")
    base: str = Field("", description="a model on this machine instead: a run folder, or what --base takes")
    temperature: float = Field(0.7, ge=0, description="0: always the likeliest token")
    max_tokens: int = Field(1024, ge=1, description="most tokens of an answer")
    concurrency: int = Field(16, ge=1, description="most questions under way; fewer while the endpoint asks for it")
    budget_tokens: int = Field(0, ge=0, description="most tokens of all prompts and answers together; 0: no limit")
    budget_requests: int = Field(0, ge=0, description="most requests; 0: no limit")
    prices: tuple[float, float] | None = Field(
        None, description="of a million tokens of prompts and of answers, in any currency; shown as money spent"
    )


class FiltersSection(Section):
    """What is kept."""

    parses: bool = Field(True, description="code must parse")
    least_characters: int = Field(20, ge=0, description="of an answer")
    most_characters: int = Field(20_000, ge=1, description="of an answer")
    refusals: bool = Field(True, description="leave out answers that refuse, apologise, or speak of being a model")
    execution: bool = Field(True, description="Python solutions must run in the sandbox")
    tests: bool = Field(False, description="the model writes tests, which its solution must pass")
    mutants: int = Field(3, ge=0, description="wrong variants of a solution, of which its tests must notice one")
    consistency: bool = Field(False, description="the model writes a second solution, which must agree with the first")
    seconds: float = Field(10.0, gt=0, description="that a solution may run")
    rouge: float = Field(0.7, ge=0, le=1, description="most ROUGE-L of an instruction with an earlier one; 0 or 1: any")
    near: float = Field(
        0.7, ge=0, le=1, description="share of sequences in common that makes near duplicates; 0 or 1: none are"
    )
    against: list[str] = Field(
        [], description="published sets that must not leak into the data: humaneval, mbpp=PATH, or a file of problems"
    )
    leak: float = Field(0.5, gt=0, le=1, description="least share of a problem that makes a leak")
    judge: int = Field(0, ge=0, le=10, description="least grade, of 10, that the model itself gives; 0: not asked")


class MakeRecipe(Section):
    """What is made, by whom, and what of it is kept."""

    method: MethodChoice = Field(Choice(name=EXERCISES), description="how; see `mft list maker`")
    n: int = Field(200, ge=1, description="records to be made")
    patience: int = Field(60, ge=0, description="refusals in a row, without a record kept, that end it; 0: none do")
    valid_fraction: float = Field(0.05, ge=0, lt=1, description="of the seeds, whose records are for validation")
    seed: int = Field(0, description="of everything that is drawn at random")
    output: PathText = Field("", description='the task folder; "": made/METHOD in the working folder')
    model: WriterSection = WriterSection()
    filters: FiltersSection = FiltersSection()

    def as_toml(self) -> str:
        """The recipe as TOML; `mft data make` takes it."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
