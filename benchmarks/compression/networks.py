"""The networks, untrained. Importing this imports Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

_CLOTHING = (28, 28, 1)
_CLASSES = 10


def fashion_cnn() -> Any:
    """Three convolutions and two dense layers, 131,000 parameters: most weights are dense."""
    stack: list[Any] = [keras.Input(_CLOTHING, name="pixels")]
    for filters in (32, 64, 64):
        stack += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    stack += [
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(128, activation="relu"),
        layers.Dense(_CLASSES, activation="softmax"),
    ]
    return keras.Sequential(stack, name="fashion_cnn")


def fashion_mobile() -> Any:
    """Six inverted residual blocks, 90,000 parameters: many small layers, no redundancy.

    After Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018),
    https://arxiv.org/abs/1801.04381, made small.
    """
    pixels = keras.Input(_CLOTHING, name="pixels")
    x = _normalized(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False), pixels)
    for filters, strides in ((24, 1), (24, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        x = _inverted_residual(x, filters, strides)
    x = _normalized(layers.Conv2D(128, 1, use_bias=False), x)
    x = layers.GlobalAveragePooling2D()(x)
    scores = layers.Dense(_CLASSES, activation="softmax")(x)
    return keras.Model(pixels, scores, name="fashion_mobile")


def breast_cancer() -> Any:
    """One wide layer and one score: the smallest kind of model that people deploy."""
    stack = [
        keras.Input((30,), name="features"),
        layers.Dense(256, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
    return keras.Sequential(stack, name="breast_cancer")


def outliers() -> Any:
    """Two convolutions and three dense layers; `rescale` puts outliers between the last two.

    Those two hold a fiftieth of the weights: leaving both in float repairs the model for little,
    and leaving one of them, or any other one, does not.
    """
    stack = [
        keras.Input(_CLOTHING, name="pixels"),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu", name="wide"),
        layers.Dense(32, activation="relu", name="narrow"),
        layers.Dense(_CLASSES, activation="softmax", name="clothing"),
    ]
    return keras.Sequential(stack, name="outliers")


def hopeless() -> Any:
    """Ten dense layers, one after the other; `rescale` puts outliers between all of them."""
    stack = [keras.Input(_CLOTHING, name="pixels"), layers.Flatten()]
    stack += [
        layers.Dense(64, activation="relu", kernel_initializer="he_normal") for _ in range(10)
    ]
    stack += [layers.Dense(_CLASSES, activation="softmax")]
    return keras.Sequential(stack, name="hopeless")


def large() -> Any:
    """ResNet-50 for ten classes, 24 million parameters, with random weights."""
    return keras.applications.ResNet50(
        weights=None, input_shape=(224, 224, 3), classes=_CLASSES, name="large"
    )


def _inverted_residual(x: Any, filters: int, strides: int) -> Any:
    incoming = x.shape[-1]
    wide = _normalized(layers.Conv2D(4 * incoming, 1, use_bias=False), x)
    depthwise = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)
    wide = _normalized(depthwise, wide)
    projected = layers.Conv2D(filters, 1, use_bias=False)(wide)
    projected = layers.BatchNormalization()(projected)
    if strides == 1 and incoming == filters:
        return layers.Add()([x, projected])
    return projected


def _normalized(layer: Any, x: Any) -> Any:
    return layers.ReLU(6)(layers.BatchNormalization()(layer(x)))
