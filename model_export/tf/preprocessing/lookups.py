"""Converts TextVectorization, StringLookup and IntegerLookup to preprocessing steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model_export.errors import ConversionError
from model_export.tf.preprocessing.categories import salt_of
from tflite_serving.contract.preprocessing import Encoding, LookupSpec, Vocabulary, Words

_TEXT = keras.layers.TextVectorization
_BOTH = "lower_and_strip_punctuation"


def lookup_of(layer: Any, where: str) -> LookupSpec:
    """What such a layer does.

    Args:
        layer: of Keras, with its vocabulary.
        where: the model came from, for complaints.

    Raises:
        ConversionError: the function cannot do it; the layer is named, with advice.
    """
    _check_learned(layer, where)
    return LookupSpec(
        words=_words(layer, where) if isinstance(layer, _TEXT) else None,
        vocabulary=_vocabulary(_table_of(layer), layer, where),
    )


def check_rows(layer: Any, inputs: Sequence[Any], outputs: Sequence[Any], where: str) -> None:
    """Of some inputs Keras counts all instances into one row, or says another shape.

    Args:
        layer: of Keras.
        inputs, outputs: the one tensor that it takes in its model, and the one that it puts out.
        where: the model came from, for complaints.

    Raises:
        ConversionError: it does so.
    """
    (tensor,), (output,) = inputs, outputs
    known = _table_of(layer).get_vocabulary(include_special_tokens=False)[:1]
    shape = (2, *(size or 1 for size in tensor.shape[1:]))
    found = tuple(layer(tf.constant(known[0], shape=shape)).shape)
    if found != (2, *output.shape[1:]):
        raise ConversionError(
            f"{where}: layer {layer.name!r} ({type(layer).__name__}): for two instances "
            f"it puts out the shape {list(found)}, where its model has {list(output.shape)}; "
            f"let the model's input have the shape {'()' if len(tensor.shape) > 1 else '(1,)'}"
        )


def _table_of(layer: Any) -> Any:
    return layer._lookup_layer if isinstance(layer, _TEXT) else layer  # noqa: SLF001


def _check_learned(layer: Any, where: str) -> None:
    lookup = _table_of(layer)
    if not lookup.get_vocabulary(include_special_tokens=False):
        raise ConversionError(
            f"{where}: layer {layer.name!r}: expected a vocabulary, got none; adapt it before the "
            "model is saved, and save the model as .keras: .h5 files do not keep what was adapted"
        )


def _words(layer: Any, where: str) -> Words:
    config = layer.get_config()
    standardize, split_by = config["standardize"], config["split"]
    for name, value, known in (
        ("standardize", standardize, (None, "lower", "strip_punctuation", _BOTH)),
        ("split", split_by, (None, "whitespace", "character")),
        ("ragged", config["ragged"], (False,)),
    ):
        if value not in known:
            got = getattr(value, "__name__", value)
            raise ConversionError(
                f"{where}: layer {layer.name!r}: {name}: expected one of "
                f"{', '.join(map(str, known))}, got {got}; the function does no others: train with "
                "one of these, on texts that are changed before, as clients then do"
            )
    length = config["output_sequence_length"]
    if config["output_mode"] == "int" and length is None:
        raise ConversionError(
            f"{where}: layer {layer.name!r}: give it an output_sequence_length: tensors of one "
            "length are what the converted model takes"
        )
    return Words(
        lower=standardize in ("lower", _BOTH),
        strip=standardize in ("strip_punctuation", _BOTH),
        split=split_by or "none",
        ngrams=_ngrams(config["ngrams"]),
        length=length if config["output_mode"] == "int" else None,
    )


def _ngrams(ngrams: Any) -> tuple[int, ...]:
    """Keras's own reading: a number stands for all up to it."""
    if ngrams is None:
        return (1,)
    return tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)


def _vocabulary(lookup: Any, layer: Any, where: str) -> Vocabulary:
    config = lookup.get_config()
    if config["invert"] or config["sparse"]:
        raise ConversionError(
            f"{where}: layer {layer.name!r}: expected invert and sparse to be false"
        )
    encoding: Encoding = config["output_mode"]
    keys = lookup.get_vocabulary(include_special_tokens=False)
    is_int, mask = encoding == "int", config["mask_token"]
    unknown = int(is_int and mask is not None)
    first = unknown + config["num_oov_indices"]
    strings = isinstance(lookup, keras.layers.StringLookup)
    width = 0 if is_int else (first + len(keys))
    if not is_int and config["pad_to_max_tokens"]:
        width = config["max_tokens"]
    weights: tuple[float, ...] = ()
    if encoding == "tf_idf":
        weights = tuple(float(value) for value in np.asarray(lookup.idf_weights_const))
    return Vocabulary(
        strings=tuple(map(str, keys)) if strings else (),
        integers=() if strings else tuple(map(int, keys)),
        first=first,
        unknown=unknown if config["num_oov_indices"] else None,
        unknowns=max(1, config["num_oov_indices"]),
        share="hash" if strings or config["oov_method"] == "farmhash" else "remainder",
        salt=salt_of(config["salt"]),
        masked=None if mask is None else str(mask),
        encoding=encoding,
        width=width,
        weights=weights,
    )
