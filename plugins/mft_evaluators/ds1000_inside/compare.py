"""Runs a problem's published test on results and answers, out of the reach of the program that made the results.

Results are unpickled without calling anything but constructors and the functions that the libraries' own pickles name.
"""

from __future__ import annotations

import inspect
import io
import os
import pickle
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIBRARIES = (
    *("numpy", "pandas", "scipy", "sklearn", "torch", "tensorflow", "xgboost", "matplotlib", "statsmodels", "datetime"),
    *("collections", "decimal", "fractions"),
)
BUILTINS = frozenset(
    {
        "bool",
        "bytearray",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    }
)
FUNCTIONS = frozenset(
    {
        ("_codecs", "encode"),
        ("copyreg", "_reconstructor"),
        *(("numpy.core.multiarray", name) for name in ("_reconstruct", "scalar")),
        *(("numpy._core.multiarray", name) for name in ("_reconstruct", "scalar")),
        *(("numpy.core.numeric", name) for name in ("_frombuffer",)),
        *(("numpy._core.numeric", name) for name in ("_frombuffer",)),
        *(("pandas._libs.internals", name) for name in ("_unpickle_block",)),
        *(("pandas.core.internals.blocks", name) for name in ("new_block",)),
        *(("pandas.core.indexes.base", name) for name in ("_new_Index",)),
        *(("pandas.core.indexes.datetimes", name) for name in ("_new_DatetimeIndex",)),
        *(("pandas._libs.tslibs.timestamps", name) for name in ("_unpickle_timestamp",)),
        *(("pandas._libs.tslibs.timedeltas", name) for name in ("_timedelta_unpickle",)),
        *(("torch._utils", name) for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")),
        *(("tensorflow.python.framework.ops", name) for name in ("convert_to_tensor",)),
    }
)


class Results(pickle.Unpickler):
    """Knows classes of the libraries and little else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return tensor_storage
        if (module, name) in FUNCTIONS or (module == "builtins" and name in BUILTINS):
            return super().find_class(module, name)
        if module.split(".")[0] in LIBRARIES:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.split(".")[0] in LIBRARIES:
                return found
        raise pickle.UnpicklingError(f"a result may hold no {module}.{name}")


def tensor_storage(content: bytes) -> Any:
    """What torch's own function does, which would call anything that the content names."""
    import torch

    rules = types.SimpleNamespace(Unpickler=Results, load=lambda file, **_: Results(file).load(), __name__="results")
    more: Any = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}
    return torch.load(io.BytesIO(content), pickle_module=rules, **more)


def images_are_equal() -> bool:
    import numpy
    from PIL import Image

    made, wanted = (numpy.array(Image.open(name)) for name in ("plot.png", "oracle.png"))
    return made.shape == wanted.shape and bool(numpy.allclose(made, wanted))


def check_results(cases: list[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "tests"}
    with open("test.txt", encoding="utf-8") as file:  # noqa: PTH123
        exec(compile(file.read(), "test.txt", "exec"), namespace)
    for case in cases:
        with open(f"result_{case}.pkl", "rb") as made, open(f"ans_{case}.pkl", "rb") as wanted:  # noqa: PTH123
            if namespace["test"](Results(made).load(), pickle.load(wanted)) != 1:
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
        check_results(sys.argv[1:])
    os.write(3, secret)
    os._exit(0)


main()
