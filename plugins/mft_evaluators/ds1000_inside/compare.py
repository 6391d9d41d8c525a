"""Runs a problem's published test on results and answers, where no code of the program that made the results runs.

Results come as plain data; as pickles only where the user asks for it, whose opening may run such code after all.
"""

from __future__ import annotations

import os
import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def images_are_equal() -> bool:
    import numpy
    from PIL import Image

    made, wanted = (numpy.array(Image.open(name)) for name in ("plot.png", "oracle.png"))
    return made.shape == wanted.shape and bool(numpy.allclose(made, wanted))


def result_of(case: str, form: str) -> Any:
    with open(f"result_{case}", "rb") as made:  # noqa: PTH123
        if form == "pickles":
            from pickled import Results  # type: ignore[import-not-found]  # beside it in the sandbox

            return Results(made).load()
        from from_plain import from_plain  # type: ignore[import-not-found]  # beside it in the sandbox

        return from_plain(made.read())


def check_results(form: str, cases: list[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "tests"}
    with open("test.txt", encoding="utf-8") as file:  # noqa: PTH123
        exec(compile(file.read(), "test.txt", "exec"), namespace)
    for case in cases:
        with open(f"ans_{case}.pkl", "rb") as wanted:  # noqa: PTH123
            answer = pickle.load(wanted)
        if namespace["test"](result_of(case, form), answer) != 1:
            raise AssertionError(f"test case {case}")
    if "stringTest" in namespace:
        with open("code.txt", encoding="utf-8") as file:  # noqa: PTH123
            if not namespace["stringTest"](file.read()):
                raise AssertionError("the code uses a word that the problem rules out")


def main() -> None:
    secret = os.read(4, 99)
    os.close(4)
    if sys.argv[1] == "image":
        if not images_are_equal():
            raise AssertionError("the images differ")
    else:
        check_results(sys.argv[1], sys.argv[2:])
    os.write(3, secret)
    os._exit(0)


main()
