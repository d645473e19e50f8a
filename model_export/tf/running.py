"""Converts exceptions of a running model to one error that names the layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras

from model_export.errors import ConversionError, ExportError
from model_export.flatbuffer.layer_names import layer_of
from model_export.tf.graph import walk_layers

_COLOR = re.compile(r"\x1b\[\d*m")
_NODE = re.compile(r"node (?:\{\{node )?([\w./-]+)")
_CALLED = re.compile(r"when calling (\w+)\.call\(\)")
_AROUND = (
    "Graph execution error",
    "Detected at node",
    "File ",
    "<stack traces unavailable>",
    "Exception encountered when calling",
)
"""Lines of a message that do not say what is wrong."""


@contextmanager
def running(
    where: str, layers: Mapping[str, str], model: keras.Model | None, *, trains: bool = False
) -> Iterator[None]:
    """Turns whatever is raised while a model runs into a `ConversionError`.

    Args:
        where: what is run, for the message.
        layers: class of every layer, by its name; empty where they are not known.
        model: the Keras model that is run; None if there is none.
        trains: whether it is trained.

    Raises:
        ConversionError: with the layer, what it raised, and what to do.
    """
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        # Layers may be the user's own code, which may raise anything; so may TensorFlow's kernels.
        raise ConversionError(explain(error, where, layers, model, trains=trains)) from error


def explain(
    error: Exception,
    where: str,
    layers: Mapping[str, str],
    model: keras.Model | None,
    *,
    trains: bool = False,
) -> str:
    """What a model raised: where, what and what to do; arguments as of `running`."""
    text = _COLOR.sub("", str(error))
    layer = _layer(text, layers)
    place = f"{where}: the model cannot be {'trained' if trains else 'run'}"
    if layer is not None:
        kind = layers.get(layer.rpartition("/")[2])
        place += f": layer {layer!r}" + (f" ({kind})" if kind else "")
    return f"{place}: {type(error).__name__}: {_problem(text)}; {_advice(model, trains=trains)}"


def channels_first(model: keras.Model | None) -> list[str]:
    """Paths of the layers whose channels come before height and width."""
    if model is None:
        return []
    return [
        path
        for path, layer in walk_layers(model)
        if getattr(layer, "data_format", None) == "channels_first"
    ]


def channels_last_advice(found: list[str]) -> str:
    """What to do about layers that `channels_first` found."""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"layer {found[0]!r}{more} has data_format = 'channels_first', which not every processor "
        "can compute: build the model again with 'channels_last' (and axis = -1 in each "
        "BatchNormalization), keras.layers.Permute((2, 3, 1)) after its input, Permute((3, 1, 2)) "
        "before a Flatten, and set_weights(model.get_weights()): the weights have the same shapes"
    )


def _layer(text: str, layers: Mapping[str, str]) -> str | None:
    """The layer that a message speaks of, as a path."""
    for name in _NODE.findall(text):
        found = layer_of(name, frozenset(layers))
        if found is not None:
            return found
    # Outside of a graph a message has the class alone.
    called = _CALLED.search(text)
    named = [name for name, kind in layers.items() if called and kind == called[1]]
    return named[0] if len(named) == 1 else None


def _problem(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    told = (line for line in lines if line and not line.startswith(_AROUND))
    return next(told, "no message").split(" [Op:")[0].rstrip(".")


def _advice(model: keras.Model | None, *, trains: bool) -> str:
    found = channels_first(model)
    if found:
        return channels_last_advice(found)
    if trains:
        return (
            "the model must train here, on the examples of the recipe: see that model.fit does, or "
            "set prune.epochs = 0"
        )
    return "the model must run here, on the examples of the recipe: see that model.predict does"
