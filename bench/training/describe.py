"""The description from which a Keras model's XLA epoch program is compiled, or the reason why there is none."""

from __future__ import annotations

from typing import Any

from bench.training.program import ActivationLayer, DenseLayer, Description, DropoutLayer, FlattenLayer, Layer

LOSSES = {
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
}
HYPERPARAMETERS = {
    "SGD": ("learning_rate", "momentum", "nesterov"),
    "RMSprop": ("learning_rate", "rho", "momentum", "epsilon"),
    "Adam": ("learning_rate", "beta_1", "beta_2", "epsilon"),
}
# What else a layer can have: a term in the loss, a rule for its weights, other arithmetic.
EXTRAS = (
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "lora_enabled",
    "quantization_mode",
)
# What else an optimizer can be told: each of these changes the update, and none is supported.
SWITCHED_OFF = (
    "amsgrad",
    "centered",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


class CannotCompile(Exception):
    """A model that the compiled trainer does not know; the text says what stands in the way."""


def describe(model: Any, *, batch_size: int, train_images: int) -> Description:
    """Describe a compiled Keras model as the compiled trainer needs it.

    Args:
        model: a `tf.keras.Sequential` that `compile` was called on.
        batch_size: images per step.
        train_images: images per epoch.

    Raises:
        CannotCompile: the model, its optimizer or its loss has something that the program does not know.
    """
    if type(model).__name__ != "Sequential":
        raise CannotCompile(f"the model is a {type(model).__name__}, not a Sequential")
    optimizer = type(model.optimizer).__name__
    if optimizer not in HYPERPARAMETERS:
        raise CannotCompile(f"the optimizer {optimizer} is none of {', '.join(HYPERPARAMETERS)}")
    loss, from_logits = _describe_loss(model.loss)
    return Description(
        layers=tuple(_describe_layer(layer) for layer in model.layers if type(layer).__name__ != "InputLayer"),
        optimizer=optimizer,
        hyperparameters=_describe_optimizer(model.optimizer.get_config(), HYPERPARAMETERS[optimizer]),
        loss=loss,
        from_logits=from_logits,
        batch_size=batch_size,
        train_images=train_images,
    )


def _describe_layer(layer: Any) -> Layer:
    _refuse_specialities(layer)
    kind = type(layer).__name__
    if kind == "Dense":
        return DenseLayer(_activation(layer), bool(layer.use_bias))
    if kind == "Dropout" and not layer.noise_shape:
        return DropoutLayer(float(layer.rate))
    if kind == "Flatten":
        return FlattenLayer()
    if kind == "Activation":
        return ActivationLayer(_activation(layer))
    if kind == "ReLU" and not (layer.max_value or layer.negative_slope or layer.threshold):
        return ActivationLayer("relu")
    if kind == "Softmax" and layer.axis == -1:
        return ActivationLayer("softmax")
    raise CannotCompile(f"the layer {layer.name} ({kind}) is no plain Dense, Dropout, Flatten or activation")


def _refuse_specialities(layer: Any) -> None:
    if layer.compute_dtype != "float32":
        raise CannotCompile(f"the layer {layer.name} computes in {layer.compute_dtype}, not in float32")
    if not layer.trainable:
        raise CannotCompile(f"the layer {layer.name} is frozen")
    for extra in EXTRAS:
        if getattr(layer, extra, None):
            raise CannotCompile(f"the layer {layer.name} has a {extra}")


def _activation(layer: Any) -> str:
    import tensorflow as tf

    name = getattr(layer.activation, "__name__", "")
    if getattr(tf.keras.activations, name, None) is not layer.activation:
        raise CannotCompile(f"the layer {layer.name} has an activation of its own, not one of Keras's")
    return str(name)


def _describe_optimizer(config: dict[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, float | bool], ...]:
    for name in SWITCHED_OFF:
        if config.get(name):
            raise CannotCompile(f"the optimizer has {name}={config[name]}")
    if isinstance(config["learning_rate"], dict):
        raise CannotCompile("the optimizer's learning rate follows a schedule")
    return tuple(sorted((name, _plain(config[name])) for name in names))


def _plain(value: Any) -> float | bool:
    return value if isinstance(value, bool) else float(value)


def _describe_loss(loss: Any) -> tuple[str, bool]:
    if isinstance(loss, str):
        if loss not in LOSSES.values():
            raise CannotCompile(f"the loss {loss} is none of {', '.join(LOSSES.values())}")
        return loss, False
    name = LOSSES.get(type(loss).__name__)
    config = loss.get_config() if name else {}
    if name is None or config.get("label_smoothing") or config.get("ignore_class") is not None:
        raise CannotCompile(f"the loss {type(loss).__name__} is no plain {' or '.join(LOSSES)}")
    return name, bool(config["from_logits"])
