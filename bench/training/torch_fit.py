"""The compiled trainer's counterpart on PyTorch: a plain loop over the Keras model's own weights.

`torch.compile` is not used: on CPUs it made steps of this size slower (`python -m bench trainers` measures both).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.trained import Fit, Trained
from bench.training.epochs import run_epochs
from bench.training.keras_model import as_trained, build_model, make_callbacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data.splits import Split
    from models import Recipe, Training

LOG = logging.getLogger("densebench")
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")
SMALLEST = 1e-7
"""Keras's losses keep probabilities at least so far from 0 and 1."""


class CannotLoop(Exception):
    """A model or protocol that the PyTorch loop does not know; the text says what stands in the way."""


def prepare_torch_fit(
    recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
) -> Fit:
    """The recipe's training as a loop; if the loop does not support it, Keras's `fit`, with a warning."""
    import torch  # in its own process only

    from bench.training.keras_fit import prepare_keras_fit

    model = build_model(recipe, training, seed)
    try:
        forward = _forward(torch, model)
        optimizer = _optimizer(torch, model, training)
        _check_loss(training)
    except CannotLoop as reason:
        LOG.warning("%s has no loop, so Keras's fit trains it: %s", recipe.name, reason)
        return prepare_keras_fit(recipe, training, split, seed=seed, on_epoch=on_epoch)
    place = next(iter(model.trainable_variables)).value.device
    images, labels, held_images, held_labels = (
        torch.from_numpy(array).to(place)
        for array in (split.train_images, split.train_labels, split.validation_images, split.validation_labels)
    )
    random, callbacks = torch.Generator().manual_seed(seed), make_callbacks(training, on_epoch)
    torch.manual_seed(seed)
    histories: list[dict[str, list[float]]] = []

    def step(chosen: Any) -> tuple[Any, Any]:
        scores = forward(images[chosen], training=True)
        loss = _loss(scores, labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach() * len(chosen), (scores.detach().argmax(1) == labels[chosen]).sum()

    def run_epoch() -> dict[str, float]:
        order = torch.randperm(len(images), generator=random).to(place)
        found = [step(chosen) for chosen in order.split(training.batch_size)]
        totals = [float(torch.stack(column).sum()) / len(images) for column in zip(*found, strict=True)]
        logs = dict(zip(("loss", "accuracy"), totals, strict=True))
        if training.validate_each_epoch:
            with torch.no_grad():
                scores = forward(held_images, training=False)
                logs["val_loss"] = float(_loss(scores, held_labels))
                logs["val_accuracy"] = float((scores.argmax(1) == held_labels).float().mean())
        return logs

    def run() -> None:
        histories.append(run_epochs(model, callbacks, training.epochs, run_epoch))

    def finish() -> Trained:
        (history,) = histories
        return as_trained(recipe, seed, trainer="compiled", model=model, history=history, scaling=split.scaling)

    return Fit(run, finish, _warm_up(torch, model, forward, images[: training.batch_size]))


def _loss(scores: Any, wanted: Any) -> Any:
    """The cross-entropy of probabilities (n, classes) with class numbers (n,), as Keras computes it."""
    chosen = scores.gather(1, wanted[:, None]).clamp(SMALLEST, 1 - SMALLEST)
    return -chosen.log().mean()


def _check_loss(training: Training) -> None:
    """Check that the loop supports the protocol's loss. Raises CannotLoop."""
    if training.loss not in LOSSES or training.from_logits:
        raise CannotLoop(f"the loss {training.loss} is none of {', '.join(LOSSES)}, of probabilities")


def _warm_up(torch: Any, model: Any, forward: Any, images: Any) -> float:
    """Run one step without an update, and return its seconds."""
    begin_s = time.perf_counter()
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    _loss(forward(images, training=True), labels).backward()
    for variable in model.trainable_variables:
        variable.value.grad = None
    return time.perf_counter() - begin_s


def _forward(torch: Any, model: Any) -> Callable[..., Any]:
    """The model's forward function, on the model's own weights. Raises CannotLoop."""
    functional = torch.nn.functional
    stages: list[Callable[[Any, bool], Any]] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Dense" and layer.activation.__name__ in ACTIVATIONS and layer.use_bias:
            stages.append(_dense(functional, layer))
        elif kind == "Dropout":
            stages.append(_dropout(functional, layer.rate))
        elif kind != "InputLayer":
            raise CannotLoop(f"the layer {layer.name} ({kind}) is no plain Dense or Dropout")

    def forward(images: Any, *, training: bool) -> Any:
        for stage in stages:
            images = stage(images, training)
        return images

    return forward


def _dense(functional: Any, layer: Any) -> Callable[[Any, bool], Any]:
    kernel, bias, name = layer.kernel.value, layer.bias.value, layer.activation.__name__

    def stage(x: Any, _training: bool) -> Any:  # noqa: FBT001  each stage has the same two arguments
        x = functional.linear(x, kernel.T, bias)
        if name == "linear":
            return x
        return functional.softmax(x, 1) if name == "softmax" else getattr(functional, name)(x)

    return stage


def _dropout(functional: Any, rate: float) -> Callable[[Any, bool], Any]:
    return lambda x, training: functional.dropout(x, rate, training)


def _optimizer(torch: Any, model: Any, training: Training) -> Any:
    """PyTorch's optimizer with Keras's settings. Raises CannotLoop."""
    config = model.optimizer.get_config()
    parameters = [variable.value for variable in model.trainable_variables]
    rate = float(np.float32(config["learning_rate"]))
    name = type(model.optimizer).__name__
    if name == "Adam":
        betas = config["beta_1"], config["beta_2"]
        return torch.optim.Adam(parameters, rate, betas, config["epsilon"], fused=True)
    if name == "SGD":
        momentum, nesterov = config["momentum"], config["nesterov"]
        return torch.optim.SGD(parameters, rate, momentum, nesterov=nesterov, fused=True)
    raise CannotLoop(f"the optimizer {training.optimizer} is neither Adam nor SGD")
