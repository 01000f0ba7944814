"""Each model, tiny and end to end: train, score, export, certify, time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from bench.commands.suite.model_store import ModelStore
from bench.data.datasets import Dataset, load_dataset
from bench.errors import DensebenchError, InvalidRow
from bench.host.devices import CPU_PROVIDER, Device
from bench.inference import onnx_session
from bench.inference.export import INPUT_NAME, OPSET, OnnxModel
from bench.inference.parity import certify
from bench.training.keras_fit import prepare_keras_fit
from models import RECIPES, Recipe
from tests.minimal_graph import deep_mlp

DEVICE = Device("cpu", 1)
PARAMETERS = {"logistic_regression": 7_850, "single_dense": 7_850, "deep_mlp": 79_510, "dropout_mlp": 79_510}
TRAIN_IMAGES = 461  # no multiple of the batch size, so the last batch is a smaller one


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    digits = load_dataset("digits")
    return replace(
        digits, train_images=digits.train_images[:TRAIN_IMAGES], train_labels=digits.train_labels[:TRAIN_IMAGES]
    )


@pytest.fixture(scope="module")
def model_store(dataset: Dataset, tf: Any) -> ModelStore:  # noqa: ARG001  which starts TensorFlow
    return ModelStore(dataset, DEVICE, quick=True, seeds=[0])


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture
def session(model_store: ModelStore, recipe: Recipe) -> Iterator[Any]:
    with onnx_session.open_session(model_store.exported(recipe).onnx, DEVICE, threads=1) as opened:
        yield opened


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_counted_from_the_trained_model(model_store: ModelStore, name: str) -> None:
    assert model_store.exported(RECIPES[name]).trained.parameters == PARAMETERS[name]


def test_every_test_image_is_scored(model_store: ModelStore, recipe: Recipe, dataset: Dataset) -> None:
    exported = model_store.exported(recipe)
    assert len(exported.expected.answers) == len(dataset.test_labels)
    right = exported.expected.answers.argmax(axis=1) == dataset.test_labels
    assert exported.test_accuracy == right.mean() > 0.5


def test_the_exported_graph_has_the_agreed_ends_and_no_training_leftovers(
    model_store: ModelStore, recipe: Recipe
) -> None:
    proto = onnx.load_from_string(model_store.exported(recipe).onnx.content)
    onnx.checker.check_model(proto, full_check=True)
    ends = [
        (
            value.name,
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in (*proto.graph.input, *proto.graph.output)
    ]
    assert ends == [
        ("images", onnx.TensorProto.FLOAT, ["N", 784]),
        ("probabilities", onnx.TensorProto.FLOAT, ["N", 10]),
    ]
    assert "Dropout" not in {node.op_type for node in proto.graph.node}
    used = {name for node in proto.graph.node for name in node.input}
    assert {constant.name for constant in proto.graph.initializer} <= used
    assert {opset.version for opset in proto.opset_import if not opset.domain} == {OPSET}


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("single_dense", ("Gemm", "Softmax")),
        ("deep_mlp", ("Gemm", "Relu", "Gemm", "Softmax")),
        ("dropout_mlp", ("Gemm", "Relu", "Gemm", "Softmax")),
    ],
)
def test_the_graph_of_a_network_is_the_one_that_one_would_write_by_hand(
    model_store: ModelStore, name: str, operators: tuple[str, ...]
) -> None:
    assert model_store.exported(RECIPES[name]).onnx.operators == operators


def optimized(content: bytes, path: Path) -> list[tuple[Any, ...]]:
    """What ONNX Runtime makes of a graph before it runs it: of each node the operator, its settings and its weights."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = onnx_session.ERRORS_ONLY  # it warns that the file is for this machine only
    onnxruntime.InferenceSession(content, options, providers=[CPU_PROVIDER])
    graph = onnx.load(path).graph
    weights = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    return [
        (
            node.op_type,
            {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute},
            [weights[name].tolist() for name in node.input if name in weights],
        )
        for node in graph.node
    ]


def test_onnx_runtime_runs_the_exported_graph_exactly_as_one_written_by_hand(
    model_store: ModelStore, tmp_path: Path
) -> None:
    """The same operators in the same order on the same weights take the same time."""
    exported = model_store.exported(RECIPES["deep_mlp"])
    by_hand = deep_mlp(exported.trained.model.get_weights())
    ours, expected = (optimized(one, tmp_path / "run.onnx") for one in (exported.onnx.content, by_hand))
    assert ours == expected != []


def test_each_provider_is_told_with_the_nodes_that_it_ran(model_store: ModelStore, recipe: Recipe) -> None:
    nodes = onnx_session.nodes_by_provider(
        model_store.exported(recipe).onnx, model_store.device, {INPUT_NAME: model_store.test_images[:1]}
    )
    assert list(nodes) == ["CPUExecutionProvider"]
    assert 1 < nodes["CPUExecutionProvider"] <= len(model_store.exported(recipe).onnx.operators)


def test_a_model_that_cannot_be_exported_says_each_of_its_faults_every_time(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(dataset, DEVICE, quick=True, seeds=[0])
    monkeypatch.setattr(store, "faults", lambda *_words: ["too low", "elsewhere"])
    for _ in range(2):
        with pytest.raises(InvalidRow) as caught:
            store.exported(RECIPES["logistic_regression"])
        assert caught.value.faults == ["too low", "elsewhere"]


def test_the_exported_file_carries_its_extra_info(model_store: ModelStore, recipe: Recipe, dataset: Dataset) -> None:
    proto = onnx.load_from_string(model_store.exported(recipe).onnx.content)
    extra_info = {entry.key.removeprefix("densebench."): entry.value for entry in proto.metadata_props}
    assert extra_info["recipe"] == recipe.name
    assert extra_info["dataset_sha256"] == dataset.sha256
    assert "tensorflow" in extra_info["packages"]


def test_onnx_runtime_answers_what_the_trained_model_answers(
    model_store: ModelStore, recipe: Recipe, session: Any
) -> None:
    expected = model_store.exported(recipe).expected
    certificate = certify(expected, onnx_session.run_in_batches(session, model_store.test_images))
    assert certificate.faults == []
    assert certificate.max_abs_diff < 1e-6


def test_any_batch_size_gives_the_same_answers(model_store: ModelStore, session: Any) -> None:
    images = model_store.test_images[:7]
    one_by_one = onnx_session.run_in_batches(session, images, batch_size=1)
    np.testing.assert_allclose(onnx_session.run_in_batches(session, images), one_by_one, atol=1e-6)


def test_a_batch_larger_than_the_data_set_is_really_that_large(model_store: ModelStore, session: Any) -> None:
    batch = onnx_session.make_batch(model_store.test_images, 1000)
    assert onnx_session.primed_call(session, batch)()[0].shape == (1000, 10)


def test_the_same_seed_trains_the_same_model_and_another_seed_another(model_store: ModelStore, recipe: Recipe) -> None:
    answers = []
    for seed in (5, 5, 6):
        fit = model_store.prepare(recipe, seed)
        fit.run()
        answers.append(fit.finish().predict(model_store.test_images))
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_priming_leaves_the_training_as_it_would_have_been(model_store: ModelStore) -> None:
    """The deep MLP has no dropout, so a plain Keras fit from the same seed must end at the same weights."""
    recipe = RECIPES["deep_mlp"]
    training, split = model_store.training(recipe), model_store.split(recipe)
    fit = prepare_keras_fit(recipe, training, split, seed=3, on_epoch=lambda _epoch: None)
    fit.run()

    import tensorflow as tf

    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(3)
    plain = recipe.build(tf.keras)
    plain.compile(optimizer=training.optimizer, loss=training.loss, jit_compile=False)
    tf.keras.utils.set_random_seed(3)
    plain.fit(split.train_images, split.train_labels, batch_size=32, epochs=training.epochs, verbose=0)
    expected = plain(model_store.test_images, training=False).numpy()
    assert np.array_equal(fit.finish().predict(model_store.test_images), expected)


@pytest.mark.usefixtures("model_store")
def test_early_stopping_ends_a_training_and_the_record_says_when(dataset: Dataset) -> None:
    recipe = RECIPES["dropout_mlp"]
    hopeless = replace(recipe, training=replace(recipe.training, epochs=12), build=_blind_model)
    fit = ModelStore(dataset, DEVICE, quick=False, seeds=[0]).prepare(hopeless, 0)
    fit.run()
    assert fit.finish().epochs_run == 3  # one to start from, and two without a better one


def _blind_model(keras: Any) -> Any:
    """A model that sees nothing but zeros, so that its loss never changes."""
    layers = keras.layers
    output = layers.Dense(10, activation="softmax", use_bias=False)
    return keras.Sequential([keras.Input((784,)), layers.Rescaling(0.0), output])


def test_epochs_are_told_as_they_end(model_store: ModelStore) -> None:
    seen: list[int] = []
    model_store.prepare(RECIPES["single_dense"], 0, on_epoch=seen.append).run()
    assert seen == [1, 2]


def test_the_first_step_is_measured_apart(model_store: ModelStore) -> None:
    assert (model_store.prepare(RECIPES["deep_mlp"], 0).first_step_s or 0) > 0
    assert model_store.prepare(RECIPES["logistic_regression"], 0).first_step_s is None


def test_a_refused_training_is_refused_for_every_row_and_never_repeated(dataset: Dataset) -> None:
    model_store = ModelStore(dataset, DEVICE, quick=True, seeds=[0])
    model_store.refuse(RECIPES["deep_mlp"], "deep_mlp was not trained: out of memory")
    for _ in range(2):
        with pytest.raises(InvalidRow, match="out of memory"):
            model_store.exported(RECIPES["deep_mlp"])


def test_a_model_that_ran_elsewhere_than_claimed_is_refused(model_store: ModelStore, dataset: Dataset) -> None:
    trained = model_store.exported(RECIPES["single_dense"]).trained
    on_gpu = ModelStore(dataset, Device("gpu", 1, 0), quick=True, seeds=[0])
    assert on_gpu.faults(trained, 0.9) == ["single_dense, seed 0: claimed gpu:0, but computed on CPU:0"]


def test_a_session_never_falls_back_to_another_provider(model_store: ModelStore) -> None:
    model = model_store.exported(RECIPES["single_dense"]).onnx
    with (
        pytest.raises(DensebenchError, match="has no CUDAExecutionProvider"),
        onnx_session.open_session(model, Device("gpu", 1, 0), threads=1),
    ):
        pass


def test_a_closed_session_holds_nothing(model_store: ModelStore) -> None:
    with onnx_session.open_session(model_store.exported(RECIPES["single_dense"]).onnx, DEVICE, threads=1) as session:
        call = onnx_session.primed_call(session, model_store.test_images[:1])
    with pytest.raises(AttributeError):
        call()


def _lose_a_weight(arrays: dict[str, Any], images: Any) -> None:
    """Set one weight of the pixel that is lit most often to zero: the one of median size."""
    kernel = next(array for array in arrays.values() if array.ndim == 2 and len(array) == images.shape[1])
    row = kernel[images.mean(axis=0).argmax()]
    row[np.abs(row).argsort()[len(row) // 2]] = 0.0


def _shift_a_bias(arrays: dict[str, Any], _images: Any) -> None:
    next(array for array in arrays.values() if array.ndim == 1)[0] += 1e-3


def _slip_into_float16(arrays: dict[str, Any], _images: Any) -> None:
    for array in arrays.values():
        array[...] = array.astype(np.float16)


@pytest.mark.parametrize("plant", [_lose_a_weight, _shift_a_bias, _slip_into_float16, None])
@pytest.mark.parametrize("name", ["single_dense", "deep_mlp"])
def test_a_planted_error_is_refused(model_store: ModelStore, name: str, plant: Any) -> None:
    """Without one, the same way through a changed file is accepted; another activation is refused as well."""
    exported = model_store.exported(RECIPES[name])
    proto = onnx.load_from_string(exported.onnx.content)
    arrays = {one.name: numpy_helper.to_array(one).copy() for one in proto.graph.initializer}
    if plant:
        plant(arrays, model_store.test_images)
    for one in proto.graph.initializer:
        one.CopyFrom(numpy_helper.from_array(arrays[one.name], one.name))
    assert bool(_faults(exported, proto, model_store)) == (plant is not None)
    for node in proto.graph.node:
        if node.op_type == "Relu" and plant is None:
            node.op_type = "Elu"
            assert _faults(exported, proto, model_store)


def _faults(exported: Any, proto: Any, model_store: ModelStore) -> list[str]:
    with onnx_session.open_session(OnnxModel(proto.SerializeToString(), ()), DEVICE, threads=1) as session:
        return certify(exported.expected, onnx_session.run_in_batches(session, model_store.test_images)).faults
