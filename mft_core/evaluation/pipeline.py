"""The steps of a generative evaluation, each on its own file, so that any of them can be done again or elsewhere.

| file | step | a line |
| --- | --- | --- |
| samples.jsonl | generating | task_id, sample, text, prompt_tokens, new_tokens, finished |
| completions.jsonl | post-processing | task_id, sample, completion: a samples file for anybody |
| verdicts.jsonl | judging | task_id, sample, outcome, score, detail, facts, completion_digest |
| scores.json | scoring | one object: scores, protocol, outcomes, notices, set_digest, model |

A killed evaluation goes on where it was: samples are on disk before they are judged, verdicts before they are counted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from mft_core.errors import MftError, UsageError
from mft_core.evaluation.answers import Writer, WrittenAnswer, all_alike, read_given
from mft_core.evaluation.evaluator import EvaluationProgress, EvaluationRequest
from mft_core.evaluation.generative_measure import GenerativeMeasure
from mft_core.evaluation.items import NOT_MEASURED, Item, Judged
from mft_core.evaluation.judging import Judging
from mft_core.evaluation.protocol import GIVEN, Protocol
from mft_core.evaluation.published_sets import set_digest
from mft_core.generation.answering import Answerer, Sampling
from mft_core.records import Score
from mft_core.support.durable import write_text
from mft_core.support.journal import Journal
from mft_core.support.ranks import from_main_rank, rank_and_ranks

SAMPLES, SCORES, IDENTITY = "samples.jsonl", "scores.json", "evaluation.json"
MOST_CHARACTERS = 100_000
"""A longer answer is not post-processed: no program that is asked for is as long."""
GIVEN_AT_ONCE = 64
"""Given samples that are judged between two reports of progress."""


class Pipeline:
    """One evaluator on one model, or on given samples.

    Args:
        evaluator: what is measured.
        request: on what, and where the files go.

    Raises:
        MftError: the set is not to be had, or not what it should be.
    """

    def __init__(self, evaluator: GenerativeMeasure, request: EvaluationRequest) -> None:
        everything = evaluator.items(request)
        _check(everything, evaluator.name)
        self._evaluator = evaluator
        self._request = request
        self._options = evaluator.options
        self._not_measured = dict(evaluator.not_measured())
        self._known = [item.task_id for item in everything]
        self._items = _limited([it for it in everything if it.group not in self._not_measured], self._options.limit)
        self._digest = set_digest(self._items)
        self._main = rank_and_ranks()[0] == 0
        self._notices: list[str] = []
        self._total = len(self._items) * self._options.samples
        self._as_it_stands = Counter[str]()

    def run(self) -> list[Score]:
        """All steps; the same scores on every rank.

        Raises:
            UsageError: the folder holds another evaluation; there is neither a model nor a file of samples.
            MftError: a step failed; what was done before is kept.
        """
        if not self._main:
            for _ in self._batches():
                pass
            return from_main_rank(None)
        self._claim_folder()
        judging = Judging(self._evaluator, self._completion, self._request.folder)
        for samples in self._batches():
            judging.take(samples)
            self._tell(judging)
        for why, count in self._as_it_stands.items():
            self._notice(f"{count} answers are {why}, and are judged as they stand")
        scores = self._score(judging.judged)
        self._write(scores, judging.judged)
        return from_main_rank(scores)

    @property
    def protocol(self) -> Protocol:
        """What scores carry."""
        own = self._evaluator.describe()
        if self._request.samples_file is None:
            heat = f"temperature {self._options.temperature:g}" if self._options.temperature else "greedy"
            server = self._request.answerer.server if self._request.answerer else ""
            return replace(own, decoding=f"{heat}, {self._options.max_new_tokens} tokens", server=server)
        if self._request.post_process_samples:
            return replace(own, decoding=GIVEN)
        return replace(own, stop=(), post_processing="none", decoding=GIVEN)

    @property
    def _identifier(self) -> str:
        """The protocol's, with what a server said of itself: only its replies do."""
        served = f", which says it is {' and '.join(self._served_by)}" if self._served_by else ""
        return f"{self.protocol.identifier}{served}"

    @property
    def _served_by(self) -> list[str]:
        return sorted(self._request.answerer.served_by) if self._request.answerer else []

    def _batches(self) -> Iterator[list[WrittenAnswer]]:
        if not self._items:
            return iter(())
        if self._request.samples_file is not None:
            return self._given()
        if self._request.answerer is None:
            raise UsageError(f"{self._evaluator.name} needs a model or a --samples-file", "Name a run or a base.")
        return self._generated(self._request.answerer)

    def _generated(self, answerer: Answerer) -> Iterator[list[WrittenAnswer]]:
        options, stop = self._options, self._evaluator.stop_strings()
        sampling = Sampling(options.max_new_tokens, options.temperature, options.seed, stop)
        journal, too_long = Journal(self._request.folder / SAMPLES), set[str]()
        for one, items in self._by_answerer(answerer):
            writer = Writer(one, journal, sampling, options.batch_size)
            yield from writer.batches([(item, self._evaluator.prompt(item)) for item in items], options.samples)
            too_long.update(writer.too_long)
        if too_long:
            self._notice(f"{len(too_long)} prompts are longer than the model's context: their answers are empty")
        if answerer.server and options.samples > 1 and options.temperature and all_alike(journal.records):
            self._notice("all samples of each problem are one text: the server seems not to sample")

    def _by_answerer(self, common: Answerer) -> Iterator[tuple[Answerer, list[Item]]]:
        """Who answers which items: tasks with a tokenization of their own are asked in that."""
        tasks = [self._evaluator.task_of(item) for item in self._items]
        own = self._request.own_answerers() if any(tasks) else {}
        answering = [own.get(task, common) for task in tasks]
        for answerer in dict.fromkeys(answering):
            yield answerer, [item for item, one in zip(self._items, answering, strict=True) if one is answerer]

    def _given(self) -> Iterator[list[WrittenAnswer]]:
        if self._request.samples_file is None:
            return
        given = read_given(self._request.samples_file, self._items, self._known)
        for notice in given.notices():
            self._notice(notice)
        self._total = len(given.samples)
        for start in range(0, self._total, GIVEN_AT_ONCE):
            yield given.samples[start : start + GIVEN_AT_ONCE]

    def _completion(self, sample: WrittenAnswer) -> str:
        """Post-processed, unless it was given as a completion; what is too long or odd is judged as it stands."""
        if self._request.samples_file and not self._request.post_process_samples:
            return sample.text
        if len(sample.text) > MOST_CHARACTERS:
            self._as_it_stands[f"longer than {MOST_CHARACTERS:,} characters"] += 1
            return sample.text
        try:
            return self._evaluator.post_process(sample.item, sample.text)
        except (RecursionError, MemoryError, ValueError, SyntaxError) as error:
            self._as_it_stands[f"too odd to be post-processed ({type(error).__name__})"] += 1
            return sample.text

    def _score(self, judged: Sequence[Judged]) -> list[Score]:
        identifier, title = self._identifier, self._evaluator.title
        scores = [
            Score(title(group), "pass@1", math.nan, 0, identifier, details={"not_measured": why})
            for group, why in self._not_measured.items()
        ]
        place = {item.task_id: number for number, item in enumerate(self._items)}
        ordered = sorted(judged, key=lambda one: (place[one.attempt.item.task_id], one.attempt.sample))
        scored = [one for one in ordered if one.verdict.final]
        unmeasured = Counter(one.verdict.detail for one in scored if one.verdict.outcome == NOT_MEASURED)
        for why, count in unmeasured.items():
            self._notice(f"{count} samples are not measured: {why}")
        if len(scored) < len(judged):
            self._notice(
                f"{len(judged) - len(scored)} samples could not be judged and are not scored; rerun to try again"
            )
        for group in dict.fromkeys(one.attempt.item.group for one in scored):
            members = [one for one in scored if one.attempt.item.group == group]
            scores += self._evaluator.aggregate(members, identifier)
        if judged and not scored:
            raise MftError(f"{self._evaluator.name}: not one sample could be judged", "Rerun to try again.")
        return scores

    def _write(self, scores: Sequence[Score], judged: Sequence[Judged]) -> None:
        facts = {
            "scores": [asdict(score) | {"value": None if math.isnan(score.value) else score.value} for score in scores],
            "protocol": self.protocol.as_json(),
            "outcomes": dict(sorted(Counter(one.verdict.outcome for one in judged).items())),
            "notices": self._notices,
            "set_digest": self._digest,
            "model": self._request.model,
        }
        if self._served_by:
            facts["served_by"] = self._served_by
        write_text(self._request.folder / SCORES, json.dumps(facts, indent=1, ensure_ascii=False))

    def _tell(self, judging: Judging) -> None:
        scores, done = judging.scores, len(judging.judged)
        mean = sum(scores) / len(scores) if scores else None
        progress = EvaluationProgress(self._evaluator.name, done, self._total, len(scores), mean)
        self._request.on_progress(progress)

    def _notice(self, text: str) -> None:
        """Tell, and keep for scores.json."""
        self._notices.append(text)
        if self._main:
            self._request.on_notice(f"{self._evaluator.name}: {text}")

    def _identity(self) -> dict[str, Any]:
        """What must be equal for the files of an interrupted evaluation to be used."""
        options, given = self._options, self._request.samples_file
        identity = {
            "evaluator": self._evaluator.name,
            "protocol": self.protocol.as_json(),
            "set": self._digest,
            "problems": len(self._items),
        }
        if given is None:
            how = {"samples": options.samples, "seed": options.seed, "batch_size": options.batch_size}
            return {**identity, "model": self._request.model, **how}
        return {**identity, "samples_file": hashlib.sha256(given.read_bytes()).hexdigest() if given.is_file() else ""}

    def _claim_folder(self) -> None:
        """Refuse a folder that holds something else; note what this one is for.

        Raises:
            UsageError: another evaluation's files lie there.
        """
        path, identity = self._request.folder / IDENTITY, self._identity()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(identity, indent=1, ensure_ascii=False))
            return
        found = json.loads(path.read_text(encoding="utf-8"))
        different = sorted(key for key in found.keys() | identity.keys() if found.get(key) != identity.get(key))
        if different:
            raise UsageError(
                f"{path.parent} holds another evaluation: its {', '.join(different)} differ",
                "Choose another --output, or remove the folder.",
            )


def _check(items: Sequence[Item], name: str) -> None:
    twice = [task_id for task_id, count in Counter(item.task_id for item in items).items() if count > 1]
    if twice:
        raise MftError(f"{name}: the set has {len(twice)} task ids more than once, such as {twice[0]!r}.")
    if not items:
        raise MftError(f"{name}: the set has no problem.")


def _limited(items: Sequence[Item], limit: int) -> list[Item]:
    """The first `limit` of each group; 0: all."""
    seen: Counter[str] = Counter()
    kept = []
    for item in items:
        seen[item.group] += 1
        if not limit or seen[item.group] <= limit:
            kept.append(item)
    return kept
