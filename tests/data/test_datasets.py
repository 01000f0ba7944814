"""The data sets: how one is loaded and checked, what stands in for it, and what its registry says.

The data are a few made-up images, the checksums are theirs, and each path leads into a temporary directory. Nothing
here or in the tests of the sources reaches the network, runs apt-get or touches the user's files; one test reads the
real data where there are any.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from bench.data import sources
from bench.data.datasets import DATASETS, load_dataset, probe_sources
from bench.errors import DensebenchError
from tests.fake_data import RAW
from tests.fake_machine import TITLES, World, fill

REAL_DATA = os.environ.get("DENSEBENCH_DATA", "")


def test_the_checksum_is_over_the_digests_of_the_four_files_in_their_order(world: World) -> None:
    fill(world, "cache")
    joined = "".join(hashlib.sha256(RAW["fashion_mnist"][file]).hexdigest() for file in sources.FILES)
    assert load_dataset("fashion_mnist").sha256 == hashlib.sha256(joined.encode()).hexdigest()


def test_files_of_another_size_than_the_registry_says_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, "cache")
    monkeypatch.setitem(DATASETS, "fashion_mnist", replace(DATASETS["fashion_mnist"], sizes=(60_000, 10_000)))
    with pytest.raises(ValueError, match=r"should have the shapes .*60000, 28, 28.* found .*5, 28, 28"):
        load_dataset("fashion_mnist")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DensebenchError, match=r"unknown data set 'mnits'. Did you mean 'mnist'"):
        load_dataset("mnits")


def test_asked_for_by_name_and_not_to_be_had_lists_every_source_and_what_mends_it(world: World) -> None:
    with pytest.raises(DensebenchError) as caught:
        load_dataset("fashion_mnist")
    lines = str(caught.value).splitlines()
    assert lines[0] == "fashion_mnist could not be had from any source:"
    assert [line.removeprefix("  - ").partition(":")[0] for line in lines[1:6]] == TITLES
    assert "none was named (--data-dir or DENSEBENCH_DATA)" in lines[1]
    assert str(world.cache / "fashion-mnist") in lines[2]
    assert "Name or service not known" in lines[4]
    assert "this machine has no apt-get" in lines[5]
    for remedy in ("DIRECTORY/fashion-mnist/", "apt-get install dataset-fashion-mnist", sources.KERAS_URL, "'digits'"):
        assert remedy in "\n".join(lines[6:])


@pytest.mark.usefixtures("world")
def test_without_a_name_the_digits_stand_in_and_say_why_each_source_failed() -> None:
    dataset = load_dataset(None)
    assert (dataset.name, dataset.source) == ("digits", "scikit-learn")
    assert dataset.fallback_reason is not None
    lines = dataset.fallback_reason.splitlines()
    assert lines[0].startswith("fashion_mnist could not be had")
    assert [line.removeprefix("  - ").partition(":")[0] for line in lines[1:]] == TITLES


# The digits, and the registry.


def test_the_digits_have_their_shapes_types_and_range() -> None:
    digits = load_dataset("digits")
    assert (digits.train_images.shape, digits.test_images.shape) == ((1437, 28, 28), (360, 28, 28))
    assert (digits.train_labels.shape, digits.test_labels.shape) == ((1437,), (360,))
    assert {array.dtype for array in (digits.train_images, digits.train_labels)} == {np.dtype(np.uint8)}
    assert [int(digits.train_images.min()), int(digits.train_images.max())] == [0, 255]
    assert set(np.unique(digits.test_labels)) == set(range(10))
    assert (digits.source, digits.fallback_reason) == ("scikit-learn", None)


def test_the_digits_are_enlarged_three_times_within_an_empty_border() -> None:
    images = load_dataset("digits").train_images
    inner = images[:, 2:-2, 2:-2]
    assert images.sum() == inner.sum()
    np.testing.assert_array_equal(inner, inner[:, ::3, ::3].repeat(3, axis=1).repeat(3, axis=2))


def test_the_digits_split_keeps_the_share_of_each_class() -> None:
    digits = load_dataset("digits")
    train, test = (np.bincount(labels) / len(labels) for labels in (digits.train_labels, digits.test_labels))
    np.testing.assert_allclose(train, test, atol=0.002)


def test_the_digits_are_the_same_everywhere() -> None:
    """If this fails, scikit-learn splits otherwise than before, and old results on the digits no longer compare."""
    assert load_dataset("digits").sha256 == "4c21d3cfce629d4bc757e785324271f9825e4f1293d914138560a6c8ec28a2cc"


def test_the_digits_do_not_look_at_the_data_directory(tmp_path: Path) -> None:
    assert load_dataset("digits", tmp_path / "missing").name == "digits"


def test_the_registry_stands_in_display_order_with_ten_classes_each() -> None:
    assert list(DATASETS) == ["fashion_mnist", "mnist", "digits"]
    assert [entry.sizes for entry in DATASETS.values()] == [(60_000, 10_000), (60_000, 10_000), (1_437, 360)]
    assert all(len(set(entry.class_names)) == 10 for entry in DATASETS.values())
    assert [source.title for source in sources.SOURCES] == TITLES


def test_importing_the_data_sets_imports_no_framework() -> None:
    command = "import sys, bench.data.datasets; sys.exit(bool({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", command], cwd=root, check=False, timeout=120)
    assert done.returncode == 0


# The probes.


@pytest.mark.usefixtures("world")
def test_the_probes_never_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_wanted: sources.Wanted) -> NoReturn:
        raise ZeroDivisionError

    broken = tuple(replace(source, probe=break_down) for source in sources.SOURCES)
    monkeypatch.setattr(sources, "SOURCES", broken)
    assert {report.detail for report in probe_sources("mnist")} == {"ZeroDivisionError()"}


def test_the_probe_of_the_digits_needs_no_source() -> None:
    (report,) = probe_sources("digits")
    assert (report.source, report.available) == ("scikit-learn", True)


def test_the_probe_of_an_unknown_data_set_says_so() -> None:
    (report,) = probe_sources("cifar")
    assert not report.available
    assert "unknown data set 'cifar'" in report.detail


# The real data.


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="DENSEBENCH_DATA names no directory with the real data")
@pytest.mark.parametrize(("name", "pixel_sum"), [("fashion_mnist", 3_431_114_169), ("mnist", 1_567_298_545)])
def test_the_real_data_load(name: str, pixel_sum: int) -> None:
    dataset = load_dataset(name, Path(REAL_DATA))
    assert dataset.source == "data directory"
    assert (dataset.train_images.shape, dataset.test_images.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert int(dataset.train_images.sum()) == pixel_sum
    assert set(np.bincount(dataset.train_labels)) == {6000} or name == "mnist"
