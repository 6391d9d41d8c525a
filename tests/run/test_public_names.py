"""What others know a base by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.run.public_names import public_name


def test_a_base_is_called_by_what_others_know_it_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert public_name("org/other@abc") == ("org/other@abc", True)
    assert public_name("org/name") == ("name", False)
    assert public_name(str(tmp_path / "org" / "name")) == ("name", False)
    assert public_name(f"folder:{tmp_path / 'org'}") == ("org", False)
    assert public_name("/gone/secret/base") == ("base", False)
    assert public_name("~/base") == ("base", False)
    assert public_name("smollm2") == ("smollm2", False)
    assert public_name("modelscope:org/other") == ("modelscope:org/other", False)
