"""Made-up inputs: what a model declares, at a size that the machine holds."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import DensebenchError
from bench.inference.own_models.inputs import Input, describe_inputs, parse_shapes, random_inputs, with_shapes

IMAGE = Input("image", (None, 3, None, 8), "float32")
STATE = Input("state", (2, None, 4), "float64", batch_axis=1)
TOKENS = Input("tokens", (None, 5), "int32", below=10)
RATE = Input("rate", (), "int64", batch_axis=None)


def test_inputs_have_the_declared_shapes_and_types_and_are_the_same_for_a_seed() -> None:
    found = random_inputs([IMAGE, STATE, TOKENS, RATE], 6, seed=3)
    assert [one.shape for one in found] == [(6, 3, 32, 8), (2, 6, 4), (6, 5), ()]
    assert [one.dtype for one in found] == [np.float32, np.float64, np.int32, np.int64]
    assert 0 <= found[0].min() < found[0].max() < 1
    assert set(found[2].ravel()) <= set(range(10))
    assert len(set(found[2].ravel())) > 2
    again = random_inputs([IMAGE, STATE, TOKENS, RATE], 6, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))
    assert not np.array_equal(found[0], random_inputs([IMAGE], 6, seed=4)[0])


def test_an_embedding_is_fed_whole_numbers_whatever_its_type() -> None:
    (found,) = random_inputs([Input("ids", (None, 40), "float32", below=7)], 3, seed=0)
    assert set(found.ravel()) == set(range(7))


def test_open_sizes_are_told_and_can_be_given() -> None:
    assert describe_inputs([IMAGE, STATE]) == "image float32 (N, 3, 32, 8), state float64 (2, N, 4)"
    shapes = parse_shapes(["image=N,3,48,8", "state=2,1,N"])
    (image,) = with_shapes([IMAGE], shapes)
    assert image.sizes(5) == (5, 3, 48, 8)
    with pytest.raises(DensebenchError, match=r"--shape state=2,1,N: the model declares \(2, \?, 4\)"):
        with_shapes([STATE], shapes)
    (fixed,) = with_shapes([IMAGE], parse_shapes(["image=4,3,48,8"]))
    assert (fixed.batch, fixed.sizes(99)) == (None, (4, 3, 48, 8))


@pytest.mark.parametrize("word", ["image", "image=", "image=N,N", "image=a,b", "image=3,-1", "=N,3"])
def test_what_is_no_shape_is_refused(word: str) -> None:
    with pytest.raises(DensebenchError, match="is no shape: image=N,3,48,192 is"):
        parse_shapes([word])


def test_what_cannot_be_made_up_is_refused() -> None:
    with pytest.raises(DensebenchError, match="its input 'text' takes string"):
        random_inputs([Input("text", (None,), "string")], 1, seed=0)
    with pytest.raises(DensebenchError, match="at most 268,435,456 are measured"):
        random_inputs([Input("huge", (None, 2**15, 2**15), "float32")], 1, seed=0)
