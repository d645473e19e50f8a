"""Finds the layers that cannot be converted at the front of a model, and cuts them off.

What they do travels in the artifact instead, and the function does it (`contract.preprocessing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model_export.errors import ConversionError
from model_export.tf.load import KerasSource, walk_layers
from tflite_serving.contract.preprocessing import Encoding, Preprocessing, Step, Vocabulary, Words

_TEXT = keras.layers.TextVectorization
_CUT = (_TEXT, keras.layers.StringLookup, keras.layers.IntegerLookup)
# They cannot be converted either, and the function cannot do what they do.
_UNKNOWN = (keras.layers.Hashing, keras.layers.HashedCrossing)


@dataclass(frozen=True, slots=True)
class SplitModel:
    """A model in two parts.

    Attributes:
        core: what is left of it, and converted.
        preprocessing: what was cut off.
    """

    core: KerasSource
    preprocessing: Preprocessing


def split(source: KerasSource, where: str) -> SplitModel | None:
    """Cuts a model behind its lookups.

    Args:
        source: the whole model.
        where: it came from, for complaints.

    Returns:
        None if it has none, and can be converted as it is.

    Raises:
        ConversionError: a layer cannot be cut off; named, with advice.
    """
    layers = list(walk_layers(source.model))
    # A TextVectorization has a StringLookup of its own.
    texts = {path for path, layer in layers if isinstance(layer, _TEXT)}
    cut_anywhere = [
        (path, layer)
        for path, layer in layers
        if isinstance(layer, (*_CUT, *_UNKNOWN)) and path.rpartition("/")[0] not in texts
    ]
    if not cut_anywhere:
        return None
    for path, layer in cut_anywhere:
        if isinstance(layer, _UNKNOWN):
            raise ConversionError(
                f"{where}: layer {path!r} ({type(layer).__name__}): the function cannot hash; "
                "use a StringLookup or IntegerLookup with the values that occur"
            )
        if "/" in path:
            raise ConversionError(
                f"{where}: layer {path!r} ({type(layer).__name__}): it is inside another model, "
                "where it cannot be cut off; let it take the model's own input"
            )
    return _Cut(source, where).split()


class _Cut:
    def __init__(self, source: KerasSource, where: str) -> None:
        self._source = source
        self._where = where
        model = source.model
        # A Sequential model is not a graph by itself.
        self._graph = keras.Model(model.inputs, model.outputs)
        self._names = {
            id(t): info.name for t, info in zip(model.inputs, source.inputs, strict=True)
        }
        self._raw = dict(self._names)  # by tensor: the model's inputs, and what steps put out
        self._kept: dict[int, Any] = {}  # tensors at which the core begins, by id

    def split(self) -> SplitModel:
        steps = [
            self._step(layer, node) for layer, node in self._nodes() if isinstance(layer, _CUT)
        ]
        for layer, node in self._nodes():
            if isinstance(layer, (*_CUT, keras.layers.InputLayer)):
                continue
            for tensor in node.input_tensors:
                if id(tensor) in self._raw:
                    self._kept[id(tensor)] = tensor
        for tensor in self._kept.values():
            if keras.backend.standardize_dtype(tensor.dtype) == "string":
                raise ConversionError(
                    f"{self._where}: input {self._raw[id(tensor)]!r}: a layer takes its strings "
                    "that is neither TextVectorization nor StringLookup, and cannot be converted"
                )
        preprocessing = Preprocessing(steps=tuple(steps))
        order = preprocessing.tensors(self._names.values())
        kept = sorted(self._kept.values(), key=lambda tensor: order.index(self._raw[id(tensor)]))
        core = keras.Model(kept, self._source.model.outputs, name=self._source.model.name)
        for entry, tensor in zip(core.inputs, kept, strict=True):
            entry.name = self._raw[id(tensor)]
        if self._source.model.compiled:
            core.compile_from_config(self._source.model.get_compile_config())
        return SplitModel(KerasSource(core, self._where), preprocessing)

    def _nodes(self) -> Iterator[tuple[Any, Any]]:
        """Every layer with every place that it is used in, in the order of computation."""
        depths = sorted(self._graph._nodes_by_depth, reverse=True)  # noqa: SLF001
        for depth in depths:
            for node in self._graph._nodes_by_depth[depth]:  # noqa: SLF001
                yield node.operation, node

    def _step(self, layer: Any, node: Any) -> Step:
        (tensor,) = node.input_tensors
        if id(tensor) not in self._raw:
            raise ConversionError(
                f"{self._where}: layer {layer.name!r} ({type(layer).__name__}): it takes what "
                "another layer puts out, so that it cannot be cut off; let it take the model's "
                "own input"
            )
        (output,) = node.output_tensors
        name = layer.name
        while name in self._raw.values():
            name += "_"
        step = Step(
            layer=layer.name,
            input=self._raw[id(tensor)],
            output=name,
            words=_words(layer, self._where) if _is_text(layer) else None,
            vocabulary=_vocabulary(_lookup_of(layer), layer, self._where),
        )
        self._check_rows(layer, tensor, output)
        self._raw[id(output)] = name
        return step

    def _check_rows(self, layer: Any, tensor: Any, output: Any) -> None:
        """Of some inputs Keras counts all instances into one row, or says another shape."""
        known = _lookup_of(layer).get_vocabulary(include_special_tokens=False)[:1]
        shape = (2, *(size or 1 for size in tensor.shape[1:]))
        found = tuple(layer(tf.constant(known[0], shape=shape)).shape)
        if found != (2, *output.shape[1:]):
            raise ConversionError(
                f"{self._where}: layer {layer.name!r} ({type(layer).__name__}): for two instances "
                f"it puts out the shape {list(found)}, where its model has {list(output.shape)}; "
                f"let the model's input have the shape {'()' if len(tensor.shape) > 1 else '(1,)'}"
            )


def _is_text(layer: Any) -> bool:
    return isinstance(layer, _TEXT)


def _lookup_of(layer: Any) -> Any:
    return layer._lookup_layer if _is_text(layer) else layer  # noqa: SLF001


def _words(layer: Any, where: str) -> Words:
    config = layer.get_config()
    standardize, split_by = config["standardize"], config["split"]
    for name, value, known in (
        ("standardize", standardize, (None, "lower", "strip_punctuation", _BOTH)),
        ("split", split_by, (None, "whitespace", "character")),
        ("ngrams", config["ngrams"], (None,)),
        ("ragged", config["ragged"], (False,)),
    ):
        if value not in known:
            raise ConversionError(
                f"{where}: layer {layer.name!r}: {name}: expected one of "
                f"{', '.join(map(str, known))}, got {value}; the function does no others"
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
        length=length if config["output_mode"] == "int" else None,
    )


_BOTH = "lower_and_strip_punctuation"


def _vocabulary(lookup: Any, layer: Any, where: str) -> Vocabulary:
    config = lookup.get_config()
    if config["num_oov_indices"] > 1:
        raise ConversionError(
            f"{where}: layer {layer.name!r}: num_oov_indices: expected 0 or 1, got "
            f"{config['num_oov_indices']}: the function cannot hash"
        )
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
        masked=None if mask is None else str(mask),
        encoding=encoding,
        width=width,
        weights=weights,
    )
