"""`make tutorial` as it is written in the Makefile, with the model of random weights."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import mft, settings
from mft_core.run import recipe_check


def written_command() -> list[str]:
    """The arguments of `mft` under the target `tutorial`, with those of BASE=tiny."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^tutorial:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    text = recipe[1].replace("\\\n", " ").replace("$(BASE)", "tiny")
    text = re.sub(r"\$\(if \$\(filter tiny,tiny\),(.*?)\)", r"\1", text).replace("$(BIN)/mft ", "")
    assert "$" not in text
    return shlex.split(text)


@pytest.mark.slow
def test_the_tutorial_compares_what_its_page_says(
    tmp_path: Path, stdlib_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = written_command()
    command[command.index("recipes/tutorial.toml")] = str(REPOSITORY / "recipes" / "tutorial.toml")
    command[command.index("--seeds") + 1] = "1"
    monkeypatch.chdir(tmp_path)
    # Five tasks of the whole library take longer to make than these runs, and other tests have made them.
    monkeypatch.setattr(
        recipe_check, "cache_folder", lambda *parts: stdlib_cache if parts[0] == "sources" else tmp_path
    )
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n', encoding="utf-8")  # drawing takes longest
    assert mft(*command, *settings("model.dtype=float32", "data.max_samples=20", "train.steps=1"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["arms"] == ["single", "mixed", "balanced", "famo"]
    assert [task["name"] for task in found["tasks"] if task["unseen"]] == ["text2code"]
    assert (tmp_path / "runs" / "tutorial" / "compare.md").is_file()
    page = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert " ".join(written_command()).removesuffix(" --base tiny --model llama") in page


def test_the_recipe_promises_the_time_that_the_page_measured() -> None:
    recipe = (REPOSITORY / "recipes" / "tutorial.toml").read_text(encoding="utf-8")
    page = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
    measured = re.search(r"it took (\d+) minutes \(`time make tutorial`", page)
    assert measured is not None
    assert re.search(rf"in {measured[1]} minutes on two\s+# cores", recipe)
