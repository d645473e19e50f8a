"""Trains a BERT on the docstrings of examples/sentences: which topic is it about?

Run as a script, it saves the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from examples.fitting import train_as_script, trainer
from examples.sentences.train import TOPICS
from examples.sentences.train import splits as sentences

EPOCHS = 6
WORDS, LENGTH = 4000, 64
SMALL_WORDS = 500

Split = tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]


def splits() -> dict[str, Split]:
    """The examples of examples/sentences."""
    return sentences()


def few() -> dict[str, Split]:
    """Every eighth of them."""
    return {name: (texts[::8], labels[::8]) for name, (texts, labels) in splits().items()}


def build(texts: npt.NDArray[np.str_]) -> Any:
    """The network: four layers of 256, with a vocabulary of its own.

    Args:
        texts: of the training split, which the vocabulary is taken from.
    """
    return _classifier(texts, words=WORDS, layers=4, heads=4, size=256)


def build_small(texts: npt.NDArray[np.str_]) -> Any:
    """Two layers of 32, for whoever has no minutes to wait."""
    return _classifier(texts, words=SMALL_WORDS, layers=2, heads=2, size=32)


def _classifier(
    texts: npt.NDArray[np.str_], *, words: int, layers: int, heads: int, size: int
) -> Any:
    import keras
    import keras_hub

    keras.utils.set_random_seed(0)
    tokenizer = keras_hub.models.BertTokenizer(_vocabulary(texts, words), lowercase=True)
    model = keras_hub.models.BertTextClassifier(
        keras_hub.models.BertBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            num_layers=layers,
            num_heads=heads,
            hidden_dim=size,
            intermediate_dim=4 * size,
            max_sequence_length=LENGTH,
        ),
        num_classes=len(TOPICS),
        preprocessor=keras_hub.models.BertTextClassifierPreprocessor(
            tokenizer, sequence_length=LENGTH
        ),
        name="bert",
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(2e-4, weight_decay=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # which takes longer than it saves
    )
    return model


def _vocabulary(texts: npt.NDArray[np.str_], words: int) -> list[str]:
    """The pieces of words that the texts are made of."""
    import keras_hub
    import tensorflow as tf

    found: list[str] = keras_hub.tokenizers.compute_word_piece_vocabulary(
        tf.data.Dataset.from_tensor_slices(texts),
        vocabulary_size=words,
        lowercase=True,
        reserved_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    )
    return found


train = trainer(splits, build, epochs=EPOCHS, batch_size=32)
train_small = trainer(few, build_small, epochs=1, batch_size=64)

if __name__ == "__main__":
    train_as_script(train, __file__)
