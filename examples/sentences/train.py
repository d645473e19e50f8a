"""Trains a text classifier on docstrings of Python's standard library: which topic is it about?

Run as a script, it saves the model.
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

Split = tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]

EPOCHS = 12
WORDS, LENGTH = 4000, 40

TOPICS = {
    "concurrency": "asyncio concurrent multiprocessing queue selectors subprocess threading",
    "files": "_pyio bz2 fileinput glob gzip lzma ntpath os pathlib posixpath shutil tarfile "
    "tempfile zipfile",
    "language": "ast bdb code dis importlib inspect pdb pydoc symtable tokenize traceback typing",
    "mail": "email imaplib mailbox poplib smtplib",
    "network": "ftplib http ipaddress socket socketserver ssl urllib wsgiref xmlrpc",
    "numbers": "_pydatetime _pydecimal _strptime calendar datetime fractions numbers random "
    "statistics",
    "testing": "doctest unittest",
}


def splits() -> dict[str, Split]:
    """The first paragraph of every docstring, and the index of its topic among `TOPICS`."""
    found = _topics_of_texts()
    texts, labels = np.array(list(found)), np.array(list(found.values()))
    return {name: (texts[rows], labels[rows]) for name, rows in three_ways(labels).items()}


@cache
def _topics_of_texts() -> dict[str, int]:
    topics = {
        module: index for index, names in enumerate(TOPICS.values()) for module in names.split()
    }
    # By text: many a method repeats what the class above it says.
    found: dict[str, int] = {}
    for module, tree in modules(frozenset(topics)):
        found = dict.fromkeys(_paragraphs(tree), topics[module]) | found
    return found


def _paragraphs(tree: ast.Module) -> Iterator[str]:
    """The first paragraph of each docstring, if it has three words or more."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            words = (ast.get_docstring(node) or "").partition("\n\n")[0].split()
            if len(words) >= 3:
                yield " ".join(words)


def build(texts: npt.NDArray[np.str_]) -> Any:
    """The network: words, a vector for each, one convolution, the strongest answer of each filter.

    Args:
        texts: of the training split, which the vocabulary is taken from.
    """
    import keras

    keras.utils.set_random_seed(0)
    vectorize = keras.layers.TextVectorization(
        max_tokens=WORDS, output_sequence_length=LENGTH, name="words"
    )
    vectorize.adapt(texts)
    model = keras.Sequential(
        [
            keras.Input((), dtype="string", name="text"),
            vectorize,
            keras.layers.Embedding(WORDS, 32, name="vectors"),
            keras.layers.Dropout(0.3, name="drop"),
            keras.layers.Conv1D(64, 3, padding="same", activation="relu", name="phrases"),
            keras.layers.GlobalMaxPooling1D(name="strongest"),
            keras.layers.Dropout(0.5, name="drop_more"),
            keras.layers.Dense(len(TOPICS), activation="softmax", name="topic"),
        ],
        name="sentences",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


train = trainer(splits, build, epochs=EPOCHS, batch_size=32)

if __name__ == "__main__":
    train_as_script(train, __file__)
