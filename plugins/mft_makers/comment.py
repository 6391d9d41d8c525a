"""Documentation for the user's code."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from pydantic import Field

from mft_core.evaluation.python_parsing import is_python, parse
from mft_core.making.author import ASSISTANT, USER, Author
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.records import Turn
from mft_makers.answers import code_in, words
from mft_makers.code_files import Snippet
from mft_makers.over_code import OverCode, OverCodeOptions
from mft_makers.programming_languages import comments_in, fenced, without_comments
from mft_makers.prompted import spoken_values

DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class CommentOptions(OverCodeOptions):
    """Options of `comment`."""

    least_words: int = Field(5, ge=1, description="of a docstring, or of all comments together")


class Comment(OverCode[CommentOptions]):
    """A piece of code without its documentation, and the same with it; the code itself must be left as it is: compared
    as syntax trees in Python, without comments and white space in other languages.
    """

    name = "comment"
    questions_per_seed = 1.0

    def unusable(self, snippet: Snippet) -> str:
        """Other languages than Python where a piece has comments already, which would show what is asked for."""
        if snippet.language == "python":
            return ""
        return "it has comments already" if comments_in(snippet.text, snippet.language) else ""

    def shown(self, snippet: Snippet) -> str:
        """Without docstrings."""
        return undocumented(snippet.text) if snippet.language == "python" else snippet.text

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """One record; not run, since the code is the user's.

        Raises:
            Refused: "the code was changed", "no documentation", or the model refused.
        """
        language = seed.facts["language"]
        shared = {**spoken_values(language), "form": self._form(language)}
        code = fenced(seed.text, language)
        documented = code_in(author.ask("comment", self.question("comment", shared, code=code)))
        same, said = self._compared(seed.text, documented, language)
        if not same:
            raise Refused("the code was changed")
        if words(said) < self.options.least_words:
            raise Refused("no documentation", f"of {self.options.least_words} words or more")
        request = self.lines("requests")[seed.facts["request"]].format_map(spoken_values(language))
        turns = (Turn(USER, f"{request}\n\n{code}"), Turn(ASSISTANT, fenced(documented, language)))
        return [Draft(turns, topic=language, worded=False)]

    def _form(self, language: str) -> str:
        forms = self.lines("forms")
        return forms.get(language, forms["other"])

    def _compared(self, before: str, after: str, language: str) -> tuple[bool, str]:
        """Whether two pieces are the same code, and what the second one says about it."""
        if language == "python":
            try:
                tree = parse(after)
                said = docstring(tree)
                return ast.dump(_stripped(tree)) == ast.dump(_stripped(parse(before))), said
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return False, ""
        return without_comments(after, language) == without_comments(before, language), comments_in(after, language)


def docstring(tree: ast.Module) -> str:
    """That of the first function or class."""
    first = next((node for node in tree.body if isinstance(node, DOCUMENTED)), None)
    return (ast.get_docstring(first) or "") if first else ""


def undocumented(source: str) -> str:
    """Python code without docstrings; where one shares its lines with other code, laid out as `ast` does it."""
    lines, bare = source.split("\n"), _stripped(parse(source))
    for node in reversed(list(ast.walk(parse(source)))):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            said = node.body[0]
            place = [] if len(node.body) > 1 else [" " * said.col_offset + "pass"]
            lines[said.lineno - 1 : said.end_lineno] = place
    text = "\n".join(lines)
    return text if is_python(text) and ast.dump(parse(text)) == ast.dump(bare) else ast.unparse(bare)


def _stripped(tree: ast.Module) -> ast.Module:
    """The tree without docstrings; a body of nothing else passes."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree
