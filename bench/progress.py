"""Progress of long work: one live line on a terminal, plain lines everywhere else."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIVE_INTERVAL_S = 0.1
PLAIN_INTERVAL_S = 10.0


class Progress:
    """Shows the current step, at a limited rate, so that output does not disturb timing.

    Args:
        stream: where lines go. A terminal gets one line that is rewritten, anything else gets whole lines.
        clock: returns seconds that only grow.
        width: columns that the live line may fill; asked of the terminal where not given.
    """

    def __init__(
        self, stream: TextIO, *, clock: Callable[[], float] = time.perf_counter, width: int | None = None
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._width = width
        self._live = stream.isatty()
        self._shown_at: float | None = None
        self._line_open = False

    def update(self, text: str) -> None:
        """Show `text` as the current step, unless something was shown less than the interval ago."""
        now = self._clock()
        interval = LIVE_INTERVAL_S if self._live else PLAIN_INTERVAL_S
        if self._shown_at is not None and now - self._shown_at < interval:
            return
        self._shown_at = now
        if self._live:
            columns = self._width or shutil.get_terminal_size().columns
            self._write(f"\r\x1b[K{text[: columns - 1]}")
            self._line_open = True
        else:
            self._write(f"{text}\n")

    def done(self, text: str) -> None:
        """Print `text` on a line of its own, which stays."""
        self.clear()
        self._write(f"{text}\n")
        self._shown_at = self._clock()

    def clear(self) -> None:
        """Erase the live line, so that other output can be written."""
        if self._line_open:
            self._write("\r\x1b[K")
            self._line_open = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


@contextmanager
def kept_on_interrupt(progress: Progress, kept: Callable[[], str]) -> Iterator[None]:
    """On Ctrl-C print what `kept` returns (what is saved, and how to resume) and raise the interrupt again."""
    try:
        yield
    except KeyboardInterrupt:
        progress.done(f"Stopped. {kept()}")
        raise


@contextmanager
def logging_to(progress: Progress) -> Iterator[None]:
    """Show log messages of the suite's modules (data sources, trainers) as lines of progress."""
    logger, handler = logging.getLogger("densebench"), _ProgressHandler(progress)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _ProgressHandler(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.done(record.getMessage())
