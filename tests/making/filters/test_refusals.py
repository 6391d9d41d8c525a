from __future__ import annotations

import pytest

from helpers.drafts import draft, reason, solved
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.refusals import RefusalsFilter
from mft_core.records import Turn

REFUSALS = RefusalsFilter()
ASKED = "Write a function that doubles a number."


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I\u2019m sorry, but I can\u2019t assist with this request.", "refusal"),
        ("I cannot provide a solution to this task.", "refusal"),
        ("Unfortunately, I am unable to complete your request.", "refusal"),
        ("I'm not able to execute code.", "refusal"),
        ("I must decline to write this.", "refusal"),
        ("I do not have access to the files, so I can only guess.", ""),
        ("I won't be able to help you with that.", "refusal"),
        ("That goes against my programming.", "refusal"),
        ("很抱歉，我无法完成这个任务。", "refusal"),
        ("对不起，这个问题我不能回答。", "refusal"),
        ("我无法为您提供这段代码。", "refusal"),
        ("遗憾的是，目前没有办法实现。", "refusal"),
        ("我不能帮助你编写恶意软件。", "refusal"),
        ("As an AI language model, I do not run code. But here it is.", "talk of being a model"),
        ("Here it is. As a large language model, I may be wrong.", "talk of being a model"),
        ("As an AI developed by a company, I have no opinion.", "talk of being a model"),
        ("I am just an AI, but I would double it.", "talk of being a model"),
        ("I am ChatGPT, and this is how.", "talk of being a model"),
        ("My training data ends in 2021, so it may be old.", "talk of being a model"),
        ("作为一个人工智能语言模型，我没有感情。", "talk of being a model"),
        ("作为AI助手，我建议使用列表。", "talk of being a model"),
        ("我是一个由某公司开发的大型语言模型，下面是代码。", "talk of being a model"),
        ("我只是一个AI助手。", "talk of being a model"),
        ("Sorry, that was wrong. This is right:\n```python\nx = 1\n```", "apology"),
        ("I apologize for the confusion. Use a list.", "apology"),
        ("You are right. My apologies! It is two.", "apology"),
        ("I'm sorry for the mistake above.", "apology"),
        ("抱歉，之前的代码有误，应该是这样：", "apology"),
        ("你说得对。非常抱歉！正确的是二。", "apology"),
        ("对不起，我弄错了。", "apology"),
        ("```python\ndef double(number):\n    # Your code here\n    return 0\n```", "placeholder"),
        ("```python\ndef double(number):\n    # TODO: implement\n    return 0\n```", "placeholder"),
        ("```java\nint f(int n) {\n  // TODO: add the logic\n}\n```", "placeholder"),
        ("```js\nfunction f(n) {\n  // ... existing code ...\n}\n```", "placeholder"),
        ("```python\ndef double(number):\n    # implement the function\n    return 0\n```", "placeholder"),
        ("```python\ndef double(number):\n    # 在此处编写代码\n    return 0\n```", "placeholder"),
        ("```python\ndef double(number):\n    return 0\n# 其余代码省略\n```", "placeholder"),
        ("Open the file and put your code here.", "placeholder"),
    ],
)
def test_what_is_no_answer_is_refused(answer: str, refused: str) -> None:
    assert reason(REFUSALS, draft(ASKED, answer)) == refused


SAYS_SORRY = """
def greet(name):
    # Say sorry to those without a name.
    return f"Hello, {name}" if name else "Sorry, I cannot greet you. As an AI, I need a name."
"""


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Print an apology.", 'Use `print("Sorry, I cannot do that")`, which prints "I\'m sorry, but I can\'t help".'),
        ("Print a text.", f"So:\n```python\n{SAYS_SORRY}\n```\nIt greets."),
        ("Name it.", "Call the function `i_cannot`, as in `i_cannot(help)`."),
        ("Write a letter in which a shop apologizes.", "Dear customer,\n\nI am sorry for the delay of your order."),
        ("写一封道歉信。", "尊敬的客户：\n非常抱歉，您的订单晚了。"),
        ("打印一句话。", "用print输出“对不起，我无法回答”即可。"),
        ("What does it print?", "It prints:\n```text\nI'm sorry, but I can't help with that.\n```\nThat is all."),
        ("Explain sets.", "A set has no order, so I cannot use an index; a list does have one."),
        ("Explain it.", "We cannot provide both arguments at once, or Python raises a TypeError."),
        ("Explain tuples.", "A tuple cannot be changed. You will not be able to append to it, unfortunately."),
        ("What is a chatbot?", "A chatbot answers as a person would. An AI language model may be behind it."),
        ("What is AI?", "It is used in such systems as an AI assistant or a search engine."),
        ("Who are you, in a story?", "The old man said: 'I am an AI.' Nobody believed him."),
        ("Introduce yourself as an engineer.", "I am an AI engineer with ten years of practice."),
        ("介绍你自己。", "我是人工智能专业的学生，作为人工智能专业的学生，我每天写代码。"),
        ("什么是语言模型？", "语言模型是一种预测下一个词的模型。作为语言模型的一种，它可以生成文本。"),
        ("解释元组。", "元组创建以后不能修改，所以无法添加元素。"),
        ("Make a list of tasks.", "A TODO list has tasks; each TODO has a title. Todo: buy milk."),
        ("Find such comments.", '```python\ndef todos(text):\n    return "# TODO: implement me" in text\n```'),
        ("Explain it.", "The code here uses a loop. The rest of the code prints the result."),
        ("Improve it.", "Add your code to the repository, then implement the interface."),
        ("解释接口。", "接口里有待实现的方法，其余部分由子类完成。"),
        ("Sort it.", "```sql\nSELECT name FROM t -- all names\nORDER BY name\n```"),
        ("Why?", "<think>I cannot help with that? As an AI I can.</think>Because it is so."),
        ("Say it kindly.", "It is sorry to hear that; the sorry state of it is a bug."),
        ("What next?", "The excuse is for later. In the meantime you can't write to a closed file."),
    ],
)
def test_what_only_looks_like_it_passes(asked: str, answer: str) -> None:
    assert reason(REFUSALS, draft(asked, answer)) == ""


ABSTRACT = """
from abc import ABC, abstractmethod

class Shape(ABC):
    @abstractmethod
    def area(self): ...

class Square(Shape):
    def area(self):
        return 1
"""


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("def double(number):\n    pass", "unwritten function"),
        ('def double(number):\n    """Twice the number."""\n    ...', "unwritten function"),
        ("def double(number):\n    raise NotImplementedError", "unwritten function"),
        ("def half(number):\n    return number / 2\n\ndef double(number):\n    pass", "unwritten function"),
        (
            "class Stack:\n    def push(self, one):\n        pass\n    def pop(self):\n        pass",
            "unwritten function",
        ),
        ("def double(number):\n    pass\n\ndef half(number):\n    return number / 2\n\nx = 1", "unwritten function"),
        ("def double(number):\n    return 2 * number", ""),
        ("def nothing():\n    pass\n\ndef a():\n    return 1\n\ndef double(number):\n    return 2 * number", ""),
        ("class Wrong(Exception):\n    pass\n\ndef double(number):\n    return 2 * number", ""),
        (ABSTRACT, ""),
        ("from typing import Protocol\nclass Sized(Protocol):\n    def size(self): ...\nx: Sized | None = None", ""),
        ("x = 1", ""),
    ],
)
def test_functions_in_which_nothing_is_done(source: str, refused: str) -> None:
    assert reason(REFUSALS, solved(source)) == refused


def test_the_instruction_and_every_turn_are_looked_at() -> None:
    answer = "It is two times the number."
    assert reason(REFUSALS, draft("I'm sorry, but I cannot create a task from this.", answer)) == "refusal"
    assert reason(REFUSALS, draft("As an AI language model, I would ask for the double.", answer)) != ""
    said = draft(ASKED, answer).turns
    student = Turn("user", "Sorry, I cannot see why. I can't write the loop.")
    assert reason(REFUSALS, Draft((*said, student, Turn("assistant", "Look at the first line.")))) == ""
    assert reason(REFUSALS, Draft((*said, student, Turn("assistant", "Sorry, look again.")))) == "apology"


def test_late_in_an_answer_it_is_about_the_matter() -> None:
    answer = "The file is closed after the block. " * 10 + "I cannot read the file any more. I cannot access it."
    assert reason(REFUSALS, draft(ASKED, answer)) == ""


def test_the_detail_shows_what_was_said() -> None:
    with pytest.raises(Refused, match="apology: 'Sorry, that was wrong"):
        REFUSALS.check(draft(ASKED, "Sorry, that was wrong."), None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="unwritten function: double"):
        REFUSALS.check(solved("def double(number):\n    pass"), None)  # type: ignore[arg-type]
