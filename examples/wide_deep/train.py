"""Trains a wide & deep model on the functions of Python's standard library: is one documented?

Records of categories and numbers. Run as a script, it saves the model.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.fitting import train_as_script, trainer
from examples.splitting import three_ways
from examples.standard_library import modules

Record = dict[str, npt.NDArray[Any]]
Split = tuple[Record, npt.NDArray[np.int64]]

EPOCHS = 12

CATEGORIES = ("module", "kind", "visibility", "decorator")
NUMBERS = ("statements", "branches", "calls")
MASK, BINS = "", 512


def splits() -> dict[str, Split]:
    """Every function with what its code looks like; 1 if it has a docstring."""
    found = _all_functions()
    columns: Record = {name: np.array([row[name] for row in found]) for name in CATEGORIES}
    # A value of None is missing: most functions have no decorator.
    columns["decorator"] = np.array([row["decorator"] for row in found], dtype=object)
    columns["arguments"] = np.array([row["arguments"] for row in found], dtype=np.int64)
    columns |= {name: np.array([row[name] for row in found], np.float32) for name in NUMBERS}
    labels = np.array([row["documented"] for row in found], dtype=np.int64)
    return {
        name: ({feature: values[rows] for feature, values in columns.items()}, labels[rows])
        for name, rows in three_ways(labels).items()
    }


@cache
def _all_functions() -> list[dict[str, Any]]:
    return [row for module, tree in modules() for row in _functions(module, tree, None)]


def _functions(module: str, node: ast.AST, parent: ast.AST | None) -> Iterator[dict[str, Any]]:
    """What clients would send of each function below `node`, and the answer."""
    if isinstance(node, _FUNCTION):
        yield _record(module, node, parent)
    inside = node if isinstance(node, (*_FUNCTION, ast.ClassDef)) else parent
    for child in ast.iter_child_nodes(node):
        yield from _functions(module, child, inside)


_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCH = (ast.If, ast.For, ast.While, ast.Try, ast.IfExp, ast.BoolOp)


def _record(
    module: str, node: ast.FunctionDef | ast.AsyncFunctionDef, parent: ast.AST | None
) -> dict[str, Any]:
    documented = ast.get_docstring(node) is not None
    inside = [child for statement in node.body for child in ast.walk(statement)]
    arguments = node.args
    return {
        "module": module,
        "kind": _kind(parent),
        "visibility": _visibility(node.name),
        "decorator": _last_word(node.decorator_list[0]) if node.decorator_list else None,
        "arguments": len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs),
        # The docstring is a statement, and would give the answer away; so would a body of none.
        "statements": max(1, _count(ast.stmt, inside) - documented),
        "branches": _count(_BRANCH, inside),
        "calls": _count(ast.Call, inside),
        "documented": documented,
    }


def _count(kinds: type[ast.AST] | tuple[type[ast.AST], ...], nodes: list[ast.AST]) -> int:
    return sum(isinstance(node, kinds) for node in nodes)


def _kind(parent: ast.AST | None) -> str:
    if parent is None:
        return "function"
    return "method" if isinstance(parent, ast.ClassDef) else "nested"


def _visibility(name: str) -> str:
    if name.startswith("__") and name.endswith("__"):
        return "special"
    return "private" if name.startswith("_") else "public"


def _last_word(decorator: ast.expr) -> str:
    """Its last word: ``setter`` of ``@size.setter``."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2]


def known() -> dict[str, Split]:
    """The same as Keras takes them: what is missing is the mask of its lookup."""
    return {
        name: (
            {**records, "decorator": np.array([each or MASK for each in records["decorator"]])},
            labels,
        )
        for name, (records, labels) in splits().items()
    }


def build(records: Record) -> Any:
    """The network: a wide branch of categories, and a deep one that mixes them with numbers.

    Args:
        records: of the training split, which vocabularies, mean and variance are taken from.
    """
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    wide, deep, inputs = [], [], []
    for name in CATEGORIES:
        inputs.append(keras.Input((1,), name=name, dtype="string"))
        one_hot = layers.StringLookup(
            output_mode="one_hot", mask_token=MASK, name=f"{name}_one_hot"
        )
        index = layers.StringLookup(mask_token=MASK, name=f"{name}_index")
        for lookup in (one_hot, index):
            lookup.adapt(records[name])
        vectors = layers.Embedding(index.vocabulary_size(), 8, name=f"{name}_vectors")
        wide.append(one_hot(inputs[-1]))
        deep.append(layers.Flatten()(vectors(index(inputs[-1]))))

    # What is usual for, say, the private functions of one module; bins are shared by chance.
    module, visibility = inputs[0], inputs[2]
    crossing = layers.HashedCrossing(BINS, output_mode="one_hot", name="module_and_visibility")
    wide.append(crossing((module, visibility)))

    inputs.append(keras.Input((1,), name="arguments", dtype="int64"))
    count = layers.IntegerLookup(
        vocabulary=list(range(8)), output_mode="one_hot", name="arguments_one_hot"
    )
    wide.append(count(inputs[-1]))

    for name in NUMBERS:
        inputs.append(keras.Input((1,), name=name))
        normalize = layers.Normalization(name=f"{name}_normal")
        normalize.adapt(records[name][:, np.newaxis])
        deep.append(normalize(inputs[-1]))

    hidden = layers.Dense(64, activation="relu", name="hidden")(layers.Concatenate()(deep))
    hidden = layers.Dropout(0.3, name="drop")(hidden)
    hidden = layers.Dense(32, activation="relu", name="deeper")(hidden)
    joined = layers.Concatenate(name="wide_and_deep")([*wide, hidden])
    documented = layers.Dense(1, activation="sigmoid", name="documented")(joined)
    model = keras.Model(inputs, documented, name="wide_deep")
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


train = trainer(known, build, epochs=EPOCHS, batch_size=64)

if __name__ == "__main__":
    train_as_script(train, __file__)
