"""Measures of a trained model."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_evaluators() -> list[Component]:
    return [
        Component("loss", "mft_evaluators.loss:ValidationLoss", "validation loss and perplexity per task, exact"),
        Component("humaneval", "mft_evaluators.humaneval:HumanEval", "pass@k on 164 Python functions"),
        Component("mbpp", "mft_evaluators.mbpp:Mbpp", "pass@k on 500 short Python programs"),
        Component(
            "humaneval-x",
            "mft_evaluators.humaneval_x:HumanEvalX",
            "pass@k on 164 functions in Python, Java, C++, JavaScript and Go",
        ),
        Component(
            "ds1000",
            "mft_evaluators.ds1000:Ds1000",
            "pass@k on 1000 data science problems in seven libraries",
        ),
        Component(
            "codefuseeval",
            "mft_evaluators.codefuseeval:CodeFuseEval",
            "pass@k on completion from Chinese, translation, text to code, unit tests",
        ),
        Component(
            "text2sql",
            "mft_evaluators.text2sql:Text2Sql",
            "SQL for questions on databases: execution, logic, syntax, BLEU",
            requires=("sqlglot", "sacrebleu"),
        ),
        Component(
            "comment-judge",
            "mft_evaluators.comment_judge:CommentJudge",
            "win rates of comments by a judge model, both orders",
            requires=("httpx2",),
        ),
        Component("exact-match", "mft_evaluators.exact_match:ExactMatch", "share of answers equal to the reference"),
        Component("bleu", "mft_evaluators.bleu:Bleu", "BLEU of answers against references", requires=("sacrebleu",)),
        Component(
            "code-bleu-like",
            "mft_evaluators.bleu:CodeBleuLike",
            "chrF of code against references: partial credit, any language",
            requires=("sacrebleu",),
        ),
        Component(
            "lm-eval",
            "mft_evaluators.lm_eval_tasks:LmEval",
            "tasks of lm-evaluation-harness: MMLU, C-Eval, CMNLI, ...",
            requires=("lm_eval",),
        ),
    ]
