"""The tasks of CodeFuseEval out of its published files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_core.errors import MftError, UsageError
from mft_core.evaluation.items import Item
from mft_core.evaluation.published_sets import FORMS, read_rows
from mft_evaluators.humaneval import helpers
from mft_evaluators.languages import LANGUAGES
from mft_evaluators.languages.braces import open_blocks
from mft_evaluators.languages.python import helpers_and_name
from mft_evaluators.mbpp import entry_point

CHINESE, TRANSLATION, TEXT2CODE, UNIT_TESTS = PARTS = ("chinese", "translation", "text2code", "unit-tests")
DIRECTIONS = tuple(
    (source, target) for source in ("python", "java", "cpp") for target in ("python", "java", "cpp") if source != target
)
"""The six directions of translation."""
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)

ASK_CHINESE = "请补全下面的{language}函数。用一个{language}代码块给出完整的程序，不要测试。\n\n```{fence}\n{prompt}```"
SHOW_TRANSLATION = "code translation\n{origin}:\n{source}\n{language}:\n{prompt}"
ASK_TRANSLATION = (
    "Translate this {origin} program to {language}. Answer with the whole program in one {language} code block.\n\n"
    "```{mark}\n{source}\n```\n\nThe function begins so:\n\n```{fence}\n{prompt}```"
)
SHOW_TEXT = '"""\n{text}\n{tests}\n"""\n'
ASK_TEXT = "{text} Your code should pass these tests:\n\n{tests}\n\nAnswer with the code in one Python code block."
ASK_TESTS = (
    "Write unit tests for this Python function: functions named test_... that use assert and the standard library "
    "only. The function is there already: do not import or repeat it. Answer with one Python code block.\n\n"
    "```python\n{program}\n```"
)
SHOW_TESTS = "{program}\n\n# Unit tests of {name}: functions named test_... with assert\n"


@dataclass(frozen=True, slots=True)
class Published:
    """A published file: its name up to the first dot, and its rows."""

    name: str
    rows: Sequence[Mapping[str, Any]]


def read_files(data: str, name: str) -> list[Published]:
    """The files of a folder and its subfolders, or the one file.

    Raises:
        UsageError: `data` is not given, or there is nothing.
        MftError: a file cannot be read.
    """
    where = f"--set eval.{name}.data=PATH"
    if not data:
        raise UsageError(f"where the set {name!r} lies is not given", f"Say it: {where}, or `data` under its [[eval]].")
    place = Path(data).expanduser()
    paths = [place] if place.is_file() else sorted(it for it in place.rglob("*") if it.name.endswith(FORMS))
    if not paths:
        raise UsageError(
            f"eval.{name}.data: there are no files of the set in {place}",
            "Give the published folder with code_completion/, code_trans/ and nl2code/, or one of its files.",
        )
    return [Published(path.name.split(".")[0], read_rows(path)) for path in paths]


def build(files: Sequence[Published], parts: Iterable[str]) -> list[Item]:
    """The tasks of the chosen parts, those of a part together."""
    makers = {CHINESE: chinese, TRANSLATION: translation, TEXT2CODE: text_to_code, UNIT_TESTS: unit_tests}
    return [item for part in PARTS if part in parts for item in makers[part](files)]


def chinese(files: Sequence[Published]) -> Iterator[Item]:
    """Functions to be completed from a Chinese description: the published Python ones, the others put together."""
    for language, (file_name, rows) in _completions(files).items():
        for row in rows:
            prompt = row["prompt"] if file_name.endswith("_cn") else chinese_prompt(row)
            if prompt is not None:
                fields = {**row, "prompt": prompt if prompt.endswith("\n") else f"{prompt}\n"}
                asked = ASK_CHINESE.format(**_names(language), prompt=fields["prompt"])
                yield _item(CHINESE, language, language, fields, fields["prompt"], asked)


def chinese_prompt(row: Mapping[str, Any]) -> str | None:
    """A published prompt with its description in Chinese; None where the row has none."""
    text = row.get("prompt_text_chinese")
    if not text:
        return None
    words = [re.escape(word) for word in str(row.get("prompt_text", "")).split()]
    described = re.search(r"[\s/*]+".join(words), row["prompt"]) if words else None
    if described:
        return f"{row['prompt'][: described.start()]}{text}{row['prompt'][described.end() :]}"
    mark = "#" if row["task_id"].startswith("Python/") else "//"
    return f"{mark} {text}\n{row['prompt']}"


def translation(files: Sequence[Published]) -> Iterator[Item]:
    """Programs to be written anew in another language, in six directions.

    A direction with a file of its own is taken from it; the others pair the solutions of the same problem.
    """
    completions = _completions(files)
    for source, target in DIRECTIONS:
        own = next((file for file in files if file.name == f"codeTrans_{source}_to_{target}"), None)
        if own is not None:
            pairs = [(row["prompt"], fields) for row in own.rows if (fields := _translated(target, row))]
        else:
            pairs = _parallel(completions, source, target)
        for program, fields in pairs:
            names = {**_names(target), "origin": LANGUAGES[source].title, "mark": LANGUAGES[source].fences[0]}
            texts = {**names, "source": program.strip(), "prompt": fields["prompt"]}
            shown, asked = SHOW_TRANSLATION.format(**texts), ASK_TRANSLATION.format(**texts)
            yield _item(TRANSLATION, f"{source}-to-{target}", target, fields, shown, asked)


def text_to_code(files: Sequence[Published]) -> Iterator[Item]:
    """Python functions from a sentence and their tests."""
    for row in (row for file in files for row in file.rows if isinstance(row.get("test"), list)):
        tests = "\n".join(row["test"])
        name = entry_point({"code": row["canonical_solution"], "test_list": row["test"], "task_id": row["task_id"]})
        fields = {
            "task_id": row["task_id"],
            "prompt": "",
            "declaration": f"def {name}():",
            "canonical_solution": row["canonical_solution"],
            "test": f"{row.get('test_setup', '')}\n{tests}",
        }
        texts = {"text": row["prompt"], "tests": tests}
        yield _item(TEXT2CODE, "python", "python", fields, SHOW_TEXT.format(**texts), ASK_TEXT.format(**texts))


def unit_tests(files: Sequence[Published]) -> Iterator[Item]:
    """Tests to be written for the published Python solutions of the English problems."""
    rows = next((file.rows for file in files if file.name == "humaneval_python"), [])
    for row in rows:
        program = f"{row['prompt']}{row['canonical_solution']}".strip()
        name = helpers_and_name(row["declaration"])[1]
        fields = {"task_id": row["task_id"], "program": program, "name": name, "test": row["test"]}
        shown = SHOW_TESTS.format(program=program, name=name)
        yield _item(UNIT_TESTS, "python", "python", fields, shown, ASK_TESTS.format(program=program))


def _item(part: str, group: str, language: str, fields: Mapping[str, Any], shown: str, asked: str) -> Item:
    name = f"{part}/{group}"
    return Item(
        f"{name}/{fields['task_id']}",
        {**fields, "part": part, "language": language, "shown": shown, "asked": asked},
        name,
    )


def _names(language: str) -> dict[str, str]:
    return {"language": LANGUAGES[language].title, "fence": LANGUAGES[language].fences[0]}


def _completions(files: Sequence[Published]) -> dict[str, tuple[str, Sequence[Mapping[str, Any]]]]:
    """The file of every language with functions to be completed; of two, the Chinese one."""
    found: dict[str, tuple[str, Sequence[Mapping[str, Any]]]] = {}
    for language in LANGUAGES.values():
        for name in (f"humaneval_{language.name}_cn", f"humaneval_{language.name}"):
            rows = next((file.rows for file in files if file.name == name), None)
            if rows is not None:
                found.setdefault(language.name, (name, rows))
    return found


def _parallel(
    completions: Mapping[str, tuple[str, Sequence[Mapping[str, Any]]]], source: str, target: str
) -> list[tuple[str, dict[str, Any]]]:
    """Programs in one language and the same problems in the other; both sets number them alike."""
    if source not in completions or target not in completions:
        return []
    programs = {_number(row): row["declaration"] + row["canonical_solution"] for row in completions[source][1]}
    return [
        (programs[_number(row)], {**row, "prompt": _head(target, row)})
        for row in completions[target][1]
        if _number(row) in programs
    ]


def _number(row: Mapping[str, Any]) -> str:
    return str(row["task_id"]).split("/")[-1]


def _head(language: str, row: Mapping[str, Any]) -> str:
    """The declaration, up to where the function's body begins."""
    if language == "python":
        return row["declaration"]
    unclosed = open_blocks(row["declaration"])
    depth = 2 if language == "java" else 1
    return f"{row['declaration'][: unclosed[depth - 1] + 1]}\n"


def _translated(target: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of code_trans/ with what judging needs: the beginning of the program in the target language."""
    solution = row["canonical_solution"]
    if target == "python":
        name = re.findall(r"def\s+(\w+)", row["func_title"])[-1]
        begin = f"{helpers(solution, name)}\n{row['func_title'].strip()}\n".lstrip()
        return {**row, "prompt": begin, "declaration": begin}
    name = re.findall(r"(\w+)\s*(?:\(|$)", row["func_title"].strip())[0]
    code = COMMENTS.sub("", solution)
    head = re.search(rf"\A.*?\b{name}\s*\([^{{}};]*\)[^{{}};]*\{{\n?", code, re.DOTALL)
    if head is None:
        raise MftError(f"codefuseeval: the solution of {row['task_id']} has no method {name!r}.")
    return {**row, "prompt": head[0], "declaration": head[0]}
