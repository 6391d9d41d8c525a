"""Arms as they are written."""

from __future__ import annotations

import pytest

from mft_core.comparison.arm import Arm, parse_arms
from mft_core.errors import UsageError


def test_arms_are_separated_by_commas_but_not_within_quotes_and_brackets() -> None:
    arms = parse_arms(
        "single, mixed,balanced tune.rank=64 by=samples,famo  every=5,"
        'balanced tune.targets=["q_proj", "v_proj"],x text="a, b" table={a=1,b=2},single'
    )
    assert [arm.label for arm in arms] == [
        "single",
        "mixed",
        "balanced by=samples tune.rank=64",
        "famo every=5",
        'balanced tune.targets=["q_proj","v_proj"]',
        'x table={"a"=1,"b"=2} text="a, b"',
    ]
    assert (arms[2].options, arms[2].keys) == ({"by": "samples"}, {"tune.rank": 64})
    assert arms[4].keys == {"tune.targets": ["q_proj", "v_proj"]}
    assert arms[5].options == {"text": "a, b", "table": {"a": 1, "b": 2}}


def test_a_label_is_read_back_as_the_same_arm_however_it_was_written() -> None:
    written = 'balanced train.learning_rate=1e-4 loss.by=samples loss.alpha.repair=2 a="1" b=true c="x y" d=[1,"e"]'
    (arm,) = parse_arms(written)
    assert arm.options == {"by": "samples", "alpha": {"repair": 2}, "a": "1", "b": True, "c": "x y", "d": [1, "e"]}
    assert parse_arms(arm.label) == [arm]
    assert parse_arms("famo a=1 tune.rank=2,famo tune.rank=2 a=1") == [Arm("famo", {"a": 1, "tune.rank": 2})]


def test_a_whole_number_is_the_same_however_it_is_written() -> None:
    one = parse_arms("balanced tune.rank=4 train.epochs=2 weights=[1,{a=3}] train.learning_rate=1e-4")
    other = parse_arms("balanced tune.rank=4.0 train.epochs=2e0 weights=[1.0,{a=3.0}] train.learning_rate=0.0001")
    assert [arm.label for arm in one] == [arm.label for arm in other]
    (arm,) = parse_arms("balanced tune.rank=4,balanced tune.rank=4.0")
    assert type(arm.keys["tune.rank"]) is int
    (arm,) = parse_arms("x big=1e300 small=-0.0 nothing=nan endless=inf yes=true")
    assert parse_arms(arm.label)[0].label == arm.label == "x big=1e+300 endless=inf nothing=nan small=0 yes=true"
    assert arm.options["yes"] is True


def test_folders_are_readable_stable_and_differ_where_arms_do() -> None:
    arms = parse_arms(
        'mixed,plugin/famo,balanced tune.rank=64,a x="b c",a x="b,c",a x="B_c",' + "a " + "x" * 200 + "=1"
    )
    folders = [arm.folder for arm in arms]
    assert folders[:3] == ["mixed", "plugin-famo", "balanced+tune.rank=64"]
    assert len({folder.lower() for folder in folders}) == len(arms)
    assert all(len(folder) < 100 and not set(folder) & set(' /\\:*?"<>|,') for folder in folders)
    assert folders[3] == "a+x=-b+c--fffb2ab3"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("", "names no arm", "single,mixed"),
        (" , ", "names no arm", "single,mixed"),
        ("tune.rank=4", "begins with no arm's name", "balanced tune.rank=64"),
        ("famo every", "'every' in 'famo every' is no option", "OPTION=VALUE"),
        ("famo every = 5", "'every'", "without spaces"),
        ("famo every=", "'every='", "OPTION=VALUE"),
        ("famo every=5 loss.every=6", "gives every twice", "leave one"),
        ("balanced by=samples loss.by.x=3", "gives by and, within it, loss.by.x", "leave one"),
        ("balanced loss.alpha.a=1 alpha={b=2}", "gives alpha and, within it, loss.alpha.a", "leave one"),
        ("mixed tune.rank.x=3 tune.rank=4", "gives tune.rank and, within it, tune.rank.x", "leave one"),
        ("famo tuning.rank=5", "no section [tuning]", "tune.rank"),
        ("focal alpha.repair=2", "no section [alpha]", "loss.alpha.repair=VALUE"),
        ("famo loss.name=mixed", "the arm's name is its loss", "for example"),
        ("famo x=[1", "is not closed", "[1,2]"),
        ('famo x="a', "is not closed", "for the shell"),
        ("balanced tune.targets=[q_proj,v_proj]", "is no list", 'tune.targets=["a","b"]'),
    ],
)
def test_what_is_no_arm_is_named(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arms(text)
    assert said in caught.value.message
    assert hint in caught.value.hint
