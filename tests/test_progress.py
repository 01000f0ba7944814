from __future__ import annotations

import io

from bench.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_terminal_gets_one_line_that_is_rewritten_and_cut_to_its_width() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock, width=10)
    progress.update("epoch 1 of many")
    clock.now_s = 0.05
    progress.update("too soon")
    clock.now_s = 0.2
    progress.update("epoch 2")
    progress.done("finished")
    assert stream.getvalue() == "\r\x1b[Kepoch 1 o\r\x1b[Kepoch 2\r\x1b[Kfinished\n"


def test_a_log_gets_whole_lines_and_few_of_them() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    for second in range(25):
        clock.now_s = float(second)
        progress.update(f"second {second}")
    progress.done("finished")
    assert stream.getvalue() == "second 0\nsecond 10\nsecond 20\nfinished\n"


def test_clearing_twice_writes_once() -> None:
    stream = Terminal()
    progress = Progress(stream, clock=Clock(), width=80)
    progress.update("working")
    progress.clear()
    progress.clear()
    assert stream.getvalue() == "\r\x1b[Kworking\r\x1b[K"
