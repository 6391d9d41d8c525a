"""BLEU and chrF against references, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from mft_core.evaluation.estimators import CONFIDENCE
from mft_core.evaluation.items import Item, Judged, Verdict
from mft_core.evaluation.references import ReferenceEvaluator, ReferenceOptions
from mft_core.evaluation.scoring import by_item, mean_score
from mft_core.records import Score

RESAMPLES = 1000


class BleuOptions(ReferenceOptions):
    """Options of BLEU."""

    tokenize: Literal["13a", "intl", "zh", "char", "none"] = Field(
        "13a", description="sacrebleu's tokenizer; zh: Chinese; none: the text is tokenised by spaces already"
    )


class Bleu(ReferenceEvaluator[BleuOptions]):
    """Corpus BLEU (0 to 100) of the answers, one reference each; sacrebleu's signature stands in the protocol."""

    name = "bleu"

    @cached_property
    def _metric(self) -> Any:
        from sacrebleu.metrics import BLEU

        return BLEU(tokenize=self.options.tokenize)

    def judge(self, item: Item, completion: str) -> Verdict:
        """The answer's own BLEU, and the counts that the corpus's is made of."""
        counts = bleu_counts(self._metric, completion, item.fields["reference"])
        return Verdict("compared", corpus_bleu(counts) / 100, facts={"counts": counts})

    def aggregate(self, judged: Sequence[Judged], protocol: str) -> list[Score]:
        """BLEU of all answers together, its interval by drawing the problems anew."""
        title = self.title(judged[0].attempt.item.group)
        return [bleu_score(title, "BLEU", judged, "counts", f"{protocol}, {signature(self._metric)}")]


class CodeBleuLike(ReferenceEvaluator):
    """Mean chrF (0 to 100) of the answers: character n-grams, white space aside.

    Like CodeBLEU it credits code that is right in part. It is chrF, which follows people's judgement of code better
    than BLEU and CodeBLEU do (Evtikhiev et al. 2023, arXiv 2208.03133) and needs no parser of the language.
    """

    name = "code-bleu-like"

    @cached_property
    def _metric(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF()

    def judge(self, item: Item, completion: str) -> Verdict:
        """Sentence chrF."""
        found = self._metric.sentence_score(completion, [item.fields["reference"]])
        return Verdict("compared", found.score / 100)

    def aggregate(self, judged: Sequence[Judged], protocol: str) -> list[Score]:
        """The mean over problems."""
        name = f"{protocol}, {signature(self._metric)}"
        return [mean_score(self.title(judged[0].attempt.item.group), "chrF", judged, name, best=100.0)]


def bleu_counts(metric: Any, text: str, reference: str) -> list[int]:
    """What corpus BLEU is made of: 4 matching and 4 possible n-grams, the text's and the reference's length."""
    found = metric.corpus_score([text], [[reference]])
    return [int(count) for count in (*found.counts, *found.totals, found.sys_len, found.ref_len)]


def corpus_bleu(counts: Sequence[int] | np.ndarray) -> float:
    """BLEU (0 to 100) from summed `bleu_counts`."""
    from sacrebleu.metrics import BLEU

    numbers = [int(count) for count in counts]
    return float(BLEU.compute_bleu(numbers[:4], numbers[4:8], numbers[8], numbers[9]).score)


def bleu_score(title: str, name: str, judged: Sequence[Judged], fact: str, protocol: str) -> Score:
    """BLEU of all answers together, from the `bleu_counts` under `fact`; its interval by drawing the problems anew."""
    problems = by_item(judged).values()
    counts = np.array([np.sum([one.verdict.facts[fact] for one in problem], axis=0) for problem in problems])
    draws = np.random.default_rng(0).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile([corpus_bleu(draw @ counts) for draw in draws], [tail, 100 - tail])
    value = corpus_bleu(counts.sum(axis=0))
    return Score(title, name, value, len(counts), protocol, (float(low), float(high)), {"best": 100.0})


def signature(metric: Any) -> str:
    """sacrebleu's own, such as "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"."""
    metric.corpus_score(["text"], [["text"]])  # it learns the number of references from a call
    return str(metric.get_signature())
