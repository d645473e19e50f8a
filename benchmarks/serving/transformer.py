"""A BERT of four layers with random weights, and texts of exact lengths to ask it about.

    python -m benchmarks.serving.transformer FOLDER

writes ``model.keras``, the same as a SavedModel for the ONNX converter, ``tokenizer.json``, the
examples for an export, and ``texts.json``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.sentences.train import splits

LENGTHS = (8, 32, 128)
"""Tokens of a text, with the start and the end; the last is the most that the model takes."""

BATCHES = (1, 16)
_CLASSES, _WORDS = 8, 8000
_TRIED = 64
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main(folder: Path) -> None:
    """The command line above."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import keras_hub
    from tokenizers import Tokenizer

    train = splits()["train"][0].tolist()
    keras.utils.set_random_seed(0)
    models = keras_hub.models
    vocabulary = _train_vocabulary(train, folder / "tokenizer.json")
    tokenizer = models.BertTokenizer(vocabulary, lowercase=True)
    model = models.BertTextClassifier(
        models.BertBackbone(
            vocabulary_size=len(vocabulary),
            num_layers=4,
            num_heads=4,
            hidden_dim=256,
            intermediate_dim=1024,
            max_sequence_length=LENGTHS[-1],
        ),
        num_classes=_CLASSES,
        activation="softmax",
        preprocessor=models.BertTextClassifierPreprocessor(tokenizer, sequence_length=LENGTHS[-1]),
        name="bert",
    )
    # Random weights hardly prefer a class; an int8 form must still give the same answer.
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 100, bias])
    model.save(folder / "model.keras")
    core = keras.Model(model.inputs, model.outputs)
    core.export(folder / "saved_model", format="tf_saved_model", verbose=False)
    _write_examples(train, folder / "data.npz")
    counting = Tokenizer.from_file(str(folder / "tokenizer.json"))
    counting.no_truncation()
    asked = {str(length): _texts(model, counting, train, length) for length in LENGTHS}
    (folder / "texts.json").write_text(json.dumps(asked), encoding="utf-8")


def _train_vocabulary(texts: list[str], path: Path) -> list[str]:
    """WordPieces; the same tokenizer is written as a file for whoever serves it with FastAPI."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token=_SPECIAL[1]))
    made.normalizer = normalizers.BertNormalizer(strip_accents=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=_WORDS, special_tokens=_SPECIAL, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_padding(pad_id=0, pad_token=_SPECIAL[0])
    made.enable_truncation(LENGTHS[-1])
    made.save(str(path))
    found = made.get_vocab()
    return sorted(found, key=found.__getitem__)


def _write_examples(texts: list[str], path: Path) -> None:
    """For an export, whose gate has nothing to judge here."""
    some = np.array(texts[: 8 * _CLASSES])
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split in ("train", "validation", "test"):
        arrays |= {f"x_{split}": some, f"y_{split}": np.arange(len(some)) % _CLASSES}
    np.savez(path, allow_pickle=False, **arrays)


def _texts(model: Any, tokenizer: Any, corpus: list[str], length: int) -> dict[str, Any]:
    """As many texts as the largest batch has, of so many tokens, the one in front sure of itself.

    Returns:
        "texts", and the "label" of the first.
    """
    words = [word for text in corpus for word in text.split() if word.isascii()]
    rng = np.random.default_rng(length)
    found: list[str] = []
    while len(found) < _TRIED:
        text = ""
        while (tokens := len(tokenizer.encode(text).ids)) < length:
            text = f"{text} {rng.choice(words)}".strip()
        if tokens == length:
            found.append(text)
    scores = np.sort(model.predict(np.array(found), verbose=0))
    order = np.argsort(scores[:, -2] - scores[:, -1])
    chosen = [found[place] for place in order[: BATCHES[-1]]]
    label = int(model.predict(np.array(chosen[:1]), verbose=0).argmax())
    return {"texts": chosen, "label": str(label)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
