"""Runs a program whose end asserts, and says after its last line, with a secret, that it has come there.

The program runs in a thread of its own, so that its frames do not lead to the secret's.
"""

from __future__ import annotations

import os
import threading


def main() -> None:
    secret = os.read(4, 99).strip()
    os.close(4)
    ended: list[bool] = []
    with open("main.py", encoding="utf-8") as file:  # noqa: PTH123
        program = compile(file.read(), "main.py", "exec")

    def run() -> None:
        exec(program, {"__name__": "__main__"})
        ended.append(True)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    right = bool(ended) and os.path.exists("result/result_1.pkl")  # noqa: PTH110
    os.write(3, (secret if right else b"failed") + b"\n")
    if os.path.exists("result/plot.png"):  # noqa: PTH110
        with open("result/plot.png", "rb") as picture:  # noqa: PTH123
            os.write(3, picture.read())
    os._exit(0 if ended else 1)


main()
