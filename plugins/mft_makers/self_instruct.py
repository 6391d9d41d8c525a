"""New tasks from seed tasks and from what was made of them before: Self-Instruct."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import as_file, files

from pydantic import Field

from mft_core.data.readers import Readers
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.registry.options import PathText
from mft_makers.answers import folded, numbered, words
from mft_makers.prompted import PromptedMaker, SolvedOptions, spoken_values
from mft_makers.records import instructions

LEAST_WORDS, MOST_WORDS = 3, 150
BEGINNING = re.compile(r"[A-Za-z\u3400-\u9fff`]")
"""Of a task: a letter, a Chinese character, or a name in the marks of code."""
WORDS_LEFT_OUT = (
    "image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps", "draw", "plot",
    "go to", "video", "audio", "music", "flowchart", "diagram",
)  # fmt: skip
BEGINNING_LEFT_OUT = "write a program"
SHOWN_CHARACTERS = 600
"""Of a task among those that a question shows."""
FRUITLESS_ROUNDS = 3
"""After so many without a single record kept, further ones would only cost."""


class SelfInstructOptions(SolvedOptions):
    """Options of `self-instruct`."""

    records: PathText = Field("", description='seed tasks: a file, glob or folder of records; "": those bundled')
    shown_seeds: int = Field(6, ge=1, description="seed tasks that a question shows")
    shown_made: int = Field(2, ge=0, description="tasks made in earlier rounds that a question shows")
    asked: int = Field(8, ge=1, le=20, description="new tasks that a question asks for")
    questions: int = Field(16, ge=1, description="of a round, which shows what was kept in those before")
    word_filters: bool = Field(
        False,
        description='leave out tasks with "file", "graph" and the like, as published; they are code\'s daily bread',
    )


class SelfInstruct(PromptedMaker[SelfInstructOptions]):
    """A question shows some of the seed tasks and of the tasks made in the rounds before, and asks for new ones; these
    pass the published filter and are solved (Self-Instruct, arXiv 2212.10560, sections 2.2 and 2.3: 6 of the seeds and
    2 made ones, 8 new ones, 3 to 150 words).
    """

    name = "self-instruct"

    def __init__(self, options: SelfInstructOptions | None = None) -> None:
        super().__init__(options)
        self.questions_per_seed = 1.0 + self.options.asked
        self.records_per_seed = float(self.options.asked)
        self._pool: Sequence[str] = ()

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """Draws of tasks to show; no more once several rounds brought nothing."""
        if request.round >= FRUITLESS_ROUNDS and not request.kept:
            return
        self._pool = self._pool or list(self._read(request.readers))
        made = [draft.instruction for draft in request.kept]
        random = request.random()
        for number in range(self.options.questions):
            shown = [
                *random.sample(self._pool, min(self.options.shown_seeds, len(self._pool))),
                *random.sample(made, min(self.options.shown_made, len(made))),
            ]
            random.shuffle(shown)
            listed = "\n".join(f"{place}. {_short(task)}" for place, task in enumerate(shown, 1))
            yield Seed(f"{request.round}/{number}", listed, facts={"shown": shown, "round": request.round})

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """The new tasks of one question that pass the filter and that the model solves.

        Raises:
            Refused: "no new task" with what is wrong with the last, or the model refused.
        """
        shared = {**spoken_values(self.options.programming_language), "count": self.options.asked}
        answer = author.ask(
            "instruction", self.question("instruction", shared, tasks=seed.text), sample=seed.facts["round"]
        )
        seen, kept, detail = {folded(task) for task in seed.facts["shown"]}, [], "there is none in the answer"
        for task in numbered(answer)[: self.options.asked]:
            reason = self.fault(task) or ("it repeats another" if folded(task) in seen else "")
            seen.add(folded(task))
            if reason:
                detail = reason
                self.tally.add(f"new task: {reason}")
            else:
                kept.append(task)
        if not kept:
            raise Refused("no new task", detail)
        return self.solved(author, kept, self.options.programming_language, sample=seed.facts["round"])

    def fault(self, task: str) -> str:
        """Why the published filter leaves a task out; "": it does not."""
        if not LEAST_WORDS <= words(task) <= MOST_WORDS:
            return f"not of {LEAST_WORDS} to {MOST_WORDS} words"
        if not BEGINNING.match(task):
            return "it begins with no letter"
        if self.options.word_filters:
            if task.lower().startswith(BEGINNING_LEFT_OUT):
                return f'it begins with "{BEGINNING_LEFT_OUT}"'
            if re.search(rf"\b(?:{'|'.join(WORDS_LEFT_OUT)})\b", task, re.IGNORECASE):
                return "a word that the published filter leaves out"
        return ""

    def own_seeds(self) -> Sequence[str]:
        """The seed tasks."""
        return self._pool

    def _read(self, readers: Readers) -> Iterator[str]:
        if self.options.records:
            yield from instructions(self.options.records, readers, self.tally)
            return
        with as_file(files("mft_makers") / "seed_tasks" / f"{self.options.language}.jsonl") as path:
            yield from instructions(str(path), readers, self.tally)


def _short(task: str) -> str:
    text = " ".join(task.split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ..."
