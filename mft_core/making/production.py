"""The loop of a making: seeds, drafts made of them side by side, filters, until there are enough records.

What is kept follows from the order of the seeds, never from which answer came first: with the same answers the result
is the same, however often the making was interrupted.
"""

from __future__ import annotations

import math
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from mft_core.data.readers import Readers
from mft_core.endpoint.spending import BudgetSpent
from mft_core.errors import MftError
from mft_core.making.admission import Admission, NotAdmitted, SeedAdmission
from mft_core.making.authoring import ModelAuthor
from mft_core.making.draft import Draft, Refused, Seed, fault_of
from mft_core.making.filters.chain import FilterChain
from mft_core.making.made import (
    BUDGET,
    ENOUGH,
    FRUITLESS,
    INTERRUPTED,
    MAKER,
    NO_MORE,
    PATIENCE,
    KeptDraft,
    Made,
    MakingProgress,
    NotKept,
)
from mft_core.making.maker import Maker, SeedRequest, seeds_of
from mft_core.records import Turn

FRUITLESS_ROUNDS = 3
"""So many rounds in a row of which nothing is kept say that nothing will be."""
FAILURES_IN_A_ROW = 5
"""So many seeds at which a maker raises say that it is broken."""
SAID_CHARACTERS = 500
"""Of an answer that nothing came of, for whoever wants to know why."""
MOST_DRAFTS = 1000
"""Of one seed; a maker may not come to an end."""
IN_WORK = 2
"""Seeds taken up for each question that may be under way; what has no thread yet waits for one."""
LEAST_SHARE, KNOWN_SEEDS = 0.05, 10
"""Of what is made that is expected to be kept, at least, and seeds after which what was kept of them tells it: before
that, no more seeds are in work than are needed if all is kept.
"""

OnProgress = Callable[[MakingProgress], None]


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one seed: drafts and refusals in their order; or why the making is over.

    Attributes:
        failure: what the maker raised; "": nothing.
        unaffordable: it was to be asked for again, which the budget does not suffice for.
    """

    seed: Seed
    drafts: list[Draft | NotKept]
    failure: str = ""
    over: MftError | None = None
    unaffordable: bool = False

    @property
    def came_to_nothing(self) -> bool:
        """Whether the maker refused before there was any draft, by its own or the endpoint's verdict."""
        refused = (isinstance(one, NotKept) and one.filter == MAKER for one in self.drafts)
        return not self.failure and self.over is None and all(refused)


class Production:
    """Makes records until there are enough.

    Args:
        maker: the method.
        author: who is asked.
        filters: which drafts are kept.
        admission: which instructions are new, before they are solved.
        readers: of the files that seeds may come from.
        wanted: records.
        seed: of everything that is drawn.
        concurrency: seeds in work at the same time.
        patience: refusals in a row, without a record kept, after which it ends; 0: none do.
    """

    def __init__(
        self,
        maker: Maker,
        author: ModelAuthor,
        filters: FilterChain,
        admission: Admission,
        readers: Readers,
        *,
        wanted: int,
        seed: int,
        concurrency: int,
        patience: int = 0,
    ) -> None:
        self._maker, self._author, self._filters, self._readers = maker, author, filters, readers
        self._admission = admission
        self._wanted, self._seed, self._concurrency, self._patience = wanted, seed, concurrency, patience
        self.made = Made()
        self._failures = self._used = 0
        # As `made` would tell them, counted once: progress is told after every seed.
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._begun = time.monotonic()

    def run(self, on_progress: OnProgress) -> Made:
        """Make, round by round; `made` is up to date at any time, and holds what there is if this raises.

        Raises:
            MftError: no question will be answered, a file cannot be read, or the maker fails again and again.
            KeyboardInterrupt: what was asked has been answered by then, or given up.
        """
        made = self.made
        made.ended = INTERRUPTED
        # No more threads than questions under way: of a budget that ends, the earliest seeds shall have had the most.
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="making") as pool, self._no_more_questions():
            fruitless = number = 0
            while fruitless < FRUITLESS_ROUNDS:
                before, used = len(made.kept), self._used
                for result in self._results(number, pool):
                    if isinstance(result.over, BudgetSpent):
                        made.ended = BUDGET
                        return made
                    self._take(result)
                    on_progress(self._progress())
                    if len(made.kept) >= self._wanted or self._is_out_of_patience():
                        made.ended = ENOUGH if len(made.kept) >= self._wanted else PATIENCE
                        return made
                if self._used == used:
                    made.ended = NO_MORE
                    return made
                fruitless = 0 if len(made.kept) > before else fruitless + 1
                number += 1
        made.ended = FRUITLESS
        return made

    def _is_out_of_patience(self) -> bool:
        return 0 < self._patience <= self.made.in_a_row

    @contextmanager
    def _no_more_questions(self) -> Iterator[None]:
        """When the making is over, seeds that are still worked on ask nothing more; what is under way is awaited."""
        try:
            yield
        finally:
            self._author.give_up()
            self._admission.close()

    def _results(self, number: int, pool: ThreadPoolExecutor) -> Iterator[_Result]:
        """Of the seeds of a round, in their order; a few more than needed are in work at a time."""
        kept = tuple(one.draft for one in self.made.kept)
        request = SeedRequest(number, kept, self._seed, self._readers)
        seeds = seeds_of(self._maker, request)
        waiting: deque[Future[_Result]] = deque()
        try:
            while True:
                while len(waiting) < self._in_work():
                    seed = next(seeds, None)
                    if seed is None:
                        break
                    waiting.append(pool.submit(self._make, seed, self._admission.turn()))
                if not waiting:
                    return
                result = waiting.popleft().result()
                if result.over is not None and not isinstance(result.over, BudgetSpent):
                    raise result.over
                yield result
        finally:
            for future in waiting:
                future.cancel()

    def _in_work(self) -> int:
        """How many seeds are worked on: no more than are likely to be needed, since answers cost money."""
        kept = len(self.made.kept)
        share = self._maker.records_per_seed
        if self._used >= KNOWN_SEEDS:
            share = max(LEAST_SHARE, kept / self._used)
        needed = math.ceil((self._wanted - kept) / share)
        if self._patience:
            needed = min(needed, self._patience - self.made.in_a_row)
        return max(1, min(IN_WORK * self._concurrency, needed))

    def _make(self, seed: Seed, turn: SeedAdmission) -> _Result:
        """Everything about one seed but its comparison with what was kept; in a thread of the pool.

        What came to nothing by answers of earlier calls alone may be asked for once more.
        """
        author = self._author.for_one_seed(turn)
        try:
            result = self._attempt(seed, author)
        finally:
            turn.end()
        known = bool(author.given) and all(one.earlier for one in author.given)
        if author.ask_again and known and result.came_to_nothing:
            again = self._attempt(seed, author.for_one_seed(anew=True))
            # What was answered before holds where there is no budget for another answer.
            return replace(result, unaffordable=True) if isinstance(again.over, BudgetSpent) else again
        return result

    def _attempt(self, seed: Seed, author: ModelAuthor) -> _Result:
        result = self._tried(seed, author)
        not_admitted = [NotKept(seed, one.filter, one.reason, one.detail, _asked(one)) for one in author.not_admitted]
        drafts = [*not_admitted, *result.drafts]
        if not drafts and result.over is None:
            drafts = [NotKept(seed, MAKER, "nothing made of it", "")]
        return replace(result, drafts=drafts)

    def _tried(self, seed: Seed, author: ModelAuthor) -> _Result:
        drafts: list[Draft | NotKept] = []
        try:
            for draft in islice(self._maker.make(seed, author), MOST_DRAFTS):
                drafts.append(self._checked(seed, draft, author))
        except Refused as refused:
            said = author.given[-1].text[:SAID_CHARACTERS] if author.given else ""
            drafts.append(NotKept(seed, MAKER, refused.reason, refused.detail, said=said))
        except MftError as error:
            return _Result(seed, drafts, over=error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's fault, counted and named
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason, detail = f"raised {type(error).__name__}", f"{error} ({place.filename}:{place.lineno})"
            return _Result(seed, [*drafts, NotKept(seed, MAKER, reason, detail)], failure=f"{reason}: {detail}")
        return _Result(seed, drafts)

    def _checked(self, seed: Seed, draft: Draft, author: ModelAuthor) -> Draft | NotKept:
        fault = fault_of(draft)
        if fault:
            return NotKept(seed, MAKER, "malformed draft", fault)
        refusal = self._filters.check(draft, author)
        return draft if refusal is None else NotKept(seed, *refusal, draft)

    def _take(self, result: _Result) -> None:
        """Keep or refuse what came of one seed, in its turn."""
        self.made.seeds[result.seed.topic] += 1
        self.made.unaffordable += result.unaffordable
        self._used += 1
        self._failures = self._failures + 1 if result.failure else 0
        if self._failures >= FAILURES_IN_A_ROW:
            raise MftError(
                f"the maker raised at {self._failures} seeds in a row; the last: {result.failure}",
                "Mend it, then rerun: what was answered is kept.",
            )
        for draft in result.drafts:
            if isinstance(draft, NotKept):
                self._refuse(draft)
            elif len(self.made.kept) < self._wanted:
                self._keep(result.seed, draft)

    def _keep(self, seed: Seed, draft: Draft) -> None:
        refusal = self._filters.check_in_order(draft)
        if refusal is not None:
            self._refuse(NotKept(seed, *refusal, draft))
            return
        self._filters.keep(draft)
        self.made.kept.append(KeptDraft(seed, draft))
        self.made.in_a_row = 0

    def _refuse(self, one: NotKept) -> None:
        self.made.refused.append(one)
        self.made.in_a_row += 1
        self._reasons[one.filter, one.reason] += 1

    def _progress(self) -> MakingProgress:
        kept, refused = len(self.made.kept), len(self.made.refused)
        seconds = time.monotonic() - self._begun
        left = seconds * (self._wanted - kept) / kept if kept else None
        return MakingProgress(self._wanted, kept + refused, kept, Counter(self._reasons), self._author.spending, left)


def _asked(one: NotAdmitted) -> Draft:
    """As much of a record as there is."""
    return Draft((Turn("user", one.instruction),))
