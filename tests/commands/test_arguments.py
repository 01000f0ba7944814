"""What several commands read from their options, and the exit statuses that all of them share."""

from __future__ import annotations

import pytest

from bench.commands.arguments import duration_s, names, share, words_of
from bench.errors import (
    ALARM,
    FAILED,
    FINE,
    INTERRUPTED,
    MEANINGS,
    UNTOLD,
    USAGE,
    DensebenchError,
    gravest,
    unknown_name,
)
from bench.formats import format_duration
from bench.inference.runtimes import RUNTIMES


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("5m", 300.0),
        ("1.5h", 5400.0),
        ("3m30s", 210.0),
        ("1h30m", 5400.0),
        ("3 min 30 s", 210.0),
        (" 2min", 120.0),
        ("1h 5s", 3605.0),
        (format_duration(125.0), 125.0),
        (format_duration(12.5), 12.5),
    ],
)
def test_durations_are_read_as_people_type_them_and_as_they_are_printed(text: str, seconds: float) -> None:
    assert duration_s(text, "--budget") == seconds


@pytest.mark.parametrize("text", ["90", "0m", "-1m", "m", "30s3m", "", "soon", "1 week"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(DensebenchError, match=r"--budget '.*' is no duration: 90s, 5m, 3m30s, 1h30m and 1\.5h are"):
        duration_s(text, "--budget")


def test_shares_are_percent_or_plain() -> None:
    assert share("3%", "--margin") == share("0.03", "--margin") == share("3 %", "--margin") == 0.03
    for text in ("0", "150%", "many", "-1%", ""):
        with pytest.raises(DensebenchError, match=r"--margin '.*' is no share"):
            share(text, "--margin")


def test_names_come_in_the_order_of_what_is_known_and_all_without_a_text() -> None:
    known = ("a", "b", "c")
    assert names("c, a,", known, "letter") == ["a", "c"]
    assert names(None, known, "letter") == ["a", "b", "c"]
    assert words_of(" x ,, y") == ["x", "y"]
    with pytest.raises(DensebenchError, match=r"--letters ' , ' names no letter\. Known: a, b, c\."):
        names(" , ", known, "letter")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("onnx", "'ONNX Runtime'"), ("numpy", "'NumPy'"), ("litrt", "'LiteRT'"), ("xla", "'tf.function XLA'")],
)
def test_a_name_that_is_not_known_gets_the_closest_whatever_its_case(word: str, meant: str) -> None:
    assert f"unknown runtime {word!r}. Did you mean {meant}" in str(unknown_name("runtime", word, RUNTIMES))
    assert "Did you mean" not in str(unknown_name("runtime", "qqqq", RUNTIMES))


def test_each_exit_status_has_one_meaning_and_errors_have_theirs() -> None:
    assert list(MEANINGS) == [0, 1, 2, 3, 4, 130]
    assert DensebenchError.status == USAGE
    assert pytest.ExitCode.USAGE_ERROR == USAGE


@pytest.mark.parametrize(
    ("statuses", "one"),
    [
        ([], FINE),
        ([0, 0], FINE),
        ([FAILED, ALARM, UNTOLD], ALARM),
        ([UNTOLD, FAILED], FAILED),
        ([ALARM, INTERRUPTED], INTERRUPTED),
        ([0, -9], FAILED),
        ([0, USAGE], USAGE),
    ],
)
def test_of_several_statuses_the_gravest_stands_for_all(statuses: list[int], one: int) -> None:
    assert gravest(statuses) == one
