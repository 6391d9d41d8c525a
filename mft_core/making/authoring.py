"""The author that makers ask: a model behind an endpoint or on this machine, with what it writes taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from mft_core.endpoint.client import Unanswered
from mft_core.endpoint.replies import REFUSAL, WHOLE, Reply
from mft_core.endpoint.spending import BudgetSpent, Spending
from mft_core.making.admission import NotAdmitted, SeedAdmission
from mft_core.making.author import ASSISTANT, SYSTEM, USER, Message
from mft_core.making.draft import Code, Draft, Refused
from mft_core.making.filters.refusals import check_instruction
from mft_core.making.made import REFUSED_BY_ENDPOINT, UNANSWERED
from mft_core.making.prompts import INPUTS, LANGUAGE, SOLUTION, TESTS
from mft_core.making.recipe import FiltersSection
from mft_core.making.written_code import (
    assertions,
    code_of,
    literal_calls,
    main_function,
    signature,
)
from mft_core.records import Turn
from mft_core.support.thoughts import without_thought

REASONS = {"length": "cut off", "content_filter": "content filter", REFUSAL: REFUSED_BY_ENDPOINT}
"""By the end of a reply that is no answer, why nothing comes of it."""
LEAST_TESTS = LEAST_INPUTS = 3
MOST_CHARACTERS = 20_000
"""Of an answer, where filters.most_characters is less: what is longer would only make the next question dear."""


class AskedModel(Protocol):
    """A model that keeps a journal: `Endpoint` or `LocalModel`."""

    on_trouble: Callable[[str], None]

    @property
    def spending(self) -> Spending: ...

    @property
    def models(self) -> frozenset[str]: ...

    @property
    def restored(self) -> int: ...

    def ask(
        self,
        stage: str,
        messages: Sequence[Mapping[str, str]],
        *,
        sample: int = 0,
        anew: bool = False,
        **parameters: Any,
    ) -> Reply:
        """As `Endpoint.ask`."""
        ...

    def give_up(self) -> None:
        """Ask nothing more; what is under way may end."""

    def close(self) -> None:
        """End what is under way."""


class Given(NamedTuple):
    """An answer that was given: at which stage, what it says, whether it was in the journal from an earlier call."""

    stage: str
    text: str
    earlier: bool


class ModelAuthor:
    """Asks a model, and makes records of the code that it writes. For any threads.

    Args:
        model: who is asked; closed with this.
        filters: what solutions are checked by is asked for where they want it.
        ask_again: what the endpoint refused in an earlier call is asked anew.

    Attributes:
        ask_again: likewise.
        earlier_spending: what earlier calls in the same folder had spent.
    """

    def __init__(self, model: AskedModel, filters: FiltersSection, *, ask_again: bool = False) -> None:
        self._model = model
        self._filters = filters
        self.ask_again = ask_again
        self.earlier_spending = model.spending
        self._turn: SeedAdmission | None = None
        self._anew = False
        self._given: list[Given] = []

    @property
    def spending(self) -> Spending:
        """What was spent so far, also by earlier processes in the same folder."""
        return self._model.spending

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that answered, as they give them."""
        return self._model.models

    @property
    def restored(self) -> int:
        """Answers, refusals too, that earlier calls left in the journal."""
        return self._model.restored

    @property
    def given(self) -> Sequence[Given]:
        """The answers that came by this author, of `for_one_seed`, in their order."""
        return tuple(self._given)

    @property
    def not_admitted(self) -> Sequence[NotAdmitted]:
        """The instructions that `fresh` left out, in their order."""
        return tuple(self._turn.refused) if self._turn is not None else ()

    def for_one_seed(self, turn: SeedAdmission | None = None, *, anew: bool = False) -> ModelAuthor:
        """The same author with `given` of its own.

        Args:
            turn: decides which of the seed's instructions are new; None: all are.
            anew: it takes no answer of an earlier call.
        """
        one = copy(self)
        one._turn, one._anew, one._given = turn, anew, []
        return one

    def tell_trouble(self, on_trouble: Callable[[str], None]) -> None:
        """Have it called, in any thread, with the reason why a question is asked once more."""
        self._model.on_trouble = on_trouble

    def give_up(self) -> None:
        """Ask nothing more; what is under way may end."""
        self._model.give_up()

    def close(self) -> None:
        """End what is under way; what is in the journal can still be asked for."""
        self._model.close()

    def ask(
        self,
        stage: str,
        messages: Sequence[Message],
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        sample: int = 0,
    ) -> str:
        """The model's answer, without a thought before it; from the journal if it is there.

        Raises:
            Refused: it was cut off, filtered, refused by the endpoint, did not come, or is too long for anything.
            BudgetSpent: it was not asked for: the rest of the budget may not suffice.
            MftError: no question will be answered.
        """
        given = {"temperature": temperature, "max_tokens": max_tokens}
        parameters = {name: value for name, value in given.items() if value is not None}
        told = [{"role": role, "content": content} for role, content in messages]
        try:
            reply = self._reply(stage, told, sample, parameters)
        except Unanswered as reason:
            raise Refused(UNANSWERED, f"{stage}: {reason}") from None
        self._given.append(Given(stage, reply.text, reply.earlier))
        if reply.end != WHOLE:
            raise Refused(REASONS[reply.end], f"{stage}: {reply.text}" if reply.end == REFUSAL else stage)
        answer = without_thought(reply.text)
        if not answer.strip():
            raise Refused("no answer", f"{stage}: a thought alone")
        most = max(self._filters.most_characters, MOST_CHARACTERS)
        if len(answer) > most:
            raise Refused("answer too long", f"{stage}: {len(answer)} characters, more than {most}")
        return answer

    def fresh(self, instructions: Sequence[str]) -> list[str]:
        """Those of a seed's instructions that are unlike all that were let through before."""
        return list(instructions) if self._turn is None else self._turn.fresh(instructions)

    def solve(self, instruction: str, *, language: str = "python", topic: str = "", sample: int = 0) -> Draft:
        """A record of the instruction and the model's solution, with what the recipe's filters check it by.

        Tests, inputs and a second solution are asked for where the solution is a function in Python. Those who write
        them see the task and the function's signature, not the solution.

        Raises:
            Refused: there is no code in an answer, or it was cut off, filtered or refused; or the instruction is a
                refusal itself, which is then not asked.
            BudgetSpent, MftError: as of `ask`.
        """
        if self._filters.refusals:
            check_instruction(instruction)
        answer, source = self._solution("solution", instruction, language, sample)
        function = main_function(source, instruction) if language == "python" else None
        turns = (Turn(USER, instruction), Turn(ASSISTANT, answer))
        if function is None:
            return Draft(turns, Code(source, language), topic)
        filters, head = self._filters, signature(function)
        code = Code(source, language, function.name)
        if filters.tests:
            code = replace(code, tests=self._tests(instruction, head, function.name, sample))
        if filters.consistency:
            inputs = self._inputs(instruction, head, function.name, sample)
            # With the signature: a second solution under another name could not be called alike.
            asked = f"{instruction}\n\n`{head}`"
            _, other = self._solution("other solution", asked, language, sample)
            code = replace(code, inputs=inputs, other=other)
        return Draft(turns, code, topic)

    def _reply(
        self, stage: str, told: Sequence[Mapping[str, str]], sample: int, parameters: Mapping[str, Any]
    ) -> Reply:
        reply = self._model.ask(stage, told, sample=sample, anew=self._anew, **parameters)
        if self.ask_again and reply.end == REFUSAL and reply.earlier:
            with suppress(BudgetSpent):  # then the refusal holds
                reply = self._model.ask(stage, told, sample=sample, anew=True, **parameters)
        return reply

    def _solution(self, stage: str, instruction: str, language: str, sample: int) -> tuple[str, str]:
        """The answer, and the code in it."""
        told = SOLUTION.replace(LANGUAGE, language)
        answer = self.ask(stage, [(SYSTEM, told), (USER, instruction)], sample=sample)
        source = code_of(answer, language)
        if not source:
            raise Refused("no code block", f"{stage}: none of {language}")
        return answer, source

    def _tests(self, instruction: str, head: str, function: str, sample: int) -> str:
        answer = self.ask("tests", _about(TESTS, instruction, head), sample=sample)
        found = assertions(code_of(answer, "python"), function)
        if found.number < LEAST_TESTS:
            raise Refused("too few tests", f"{found.number} assertions on {function}")
        return found.source

    def _inputs(self, instruction: str, head: str, function: str, sample: int) -> tuple[str, ...]:
        answer = self.ask("inputs", _about(INPUTS, instruction, head), sample=sample)
        found = literal_calls(code_of(answer, "python"), function)
        if len(found) < LEAST_INPUTS:
            raise Refused("too few inputs", f"{len(found)} calls of {function} with literals")
        return found


def _about(told: str, instruction: str, head: str) -> list[Message]:
    asked = json.dumps({"task": instruction, "signature": head}, ensure_ascii=False, indent=1)
    return [(SYSTEM, told), (USER, asked)]
