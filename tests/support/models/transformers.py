"""Small classifiers of KerasHub, each with a tokenizer that was trained on a few lines."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LENGTH = 24
CLASSES = 3
LINES = (
    "The function waits until the lock is free, then wakes one of the threads.",
    "Open the file, read its lines & close it: nothing else!",
    "naïve café Zürich straße ﬁne — ½ of ①",
    "日本語のテキスト と 中文",
    "한국어 텍스트",
    "Привет мир, שלום עולם, مرحبا",
    "don't I'll we've 😀 👍🏽 ────────",
)
_SHAPE = {"num_layers": 2, "num_heads": 2, "hidden_dim": 32, "intermediate_dim": 64}


def classifier(kind: str) -> Any:
    """A classifier; `KINDS` has which there are."""
    _seed()
    return KINDS[kind]()


def tokenizer(kind: str) -> Any:
    """The tokenizer of such a classifier."""
    return classifier(kind).preprocessor.tokenizer


def written(assets: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """The files that a tokenizer's step needs, by name."""
    files = {name: folder / name for name in assets}
    for name, data in assets.items():
        files[name].write_bytes(data)
    return files


def _bert(**settings: Any) -> Any:
    from keras_hub import models

    words = models.BertTokenizer(_word_pieces(), **settings)
    return models.BertTextClassifier(
        models.BertBackbone(len(_word_pieces()), max_sequence_length=LENGTH, **_SHAPE),
        num_classes=CLASSES,
        preprocessor=models.BertTextClassifierPreprocessor(words, sequence_length=LENGTH),
    )


def _bert_without_accents() -> Any:
    return _bert(lowercase=True, strip_accents=True, special_tokens_in_strings=True)


def _roberta() -> Any:
    from keras_hub import models

    vocabulary, merges = _byte_pairs()
    pairs = models.RobertaTokenizer(vocabulary=dict(vocabulary), merges=list(merges))
    return models.RobertaTextClassifier(
        models.RobertaBackbone(len(vocabulary), max_sequence_length=LENGTH, **_SHAPE),
        num_classes=CLASSES,
        hidden_dim=32,
        preprocessor=models.RobertaTextClassifierPreprocessor(pairs, sequence_length=LENGTH),
    )


def _albert() -> Any:
    from keras_hub import models

    special = {"pad_piece": "<pad>", "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
    pieces = models.AlbertTokenizer(
        _sentence_pieces(pad_id=0, unk_id=1, bos_id=2, eos_id=3, marks="[MASK]", **special)
    )
    shape = {**_SHAPE, "embedding_dim": 16}
    return models.AlbertTextClassifier(
        models.AlbertBackbone(pieces.vocabulary_size(), max_sequence_length=LENGTH, **shape),
        num_classes=CLASSES,
        preprocessor=models.AlbertTextClassifierPreprocessor(pieces, sequence_length=LENGTH),
    )


def _xlm_roberta() -> Any:
    from keras_hub import models

    pieces = models.XLMRobertaTokenizer(_sentence_pieces(unk_id=0, bos_id=1, eos_id=2))
    return models.XLMRobertaTextClassifier(
        models.XLMRobertaBackbone(pieces.vocabulary_size(), max_sequence_length=LENGTH, **_SHAPE),
        num_classes=CLASSES,
        hidden_dim=32,
        preprocessor=models.XLMRobertaTextClassifierPreprocessor(pieces, sequence_length=LENGTH),
    )


def _deberta() -> Any:
    from keras_hub import models

    special = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
    pieces = models.DebertaV3Tokenizer(
        _sentence_pieces(pad_id=0, bos_id=1, eos_id=2, unk_id=3, **special)
    )
    return models.DebertaV3TextClassifier(
        models.DebertaV3Backbone(pieces.vocabulary_size(), max_sequence_length=LENGTH, **_SHAPE),
        num_classes=CLASSES,
        hidden_dim=32,
        preprocessor=models.DebertaV3TextClassifierPreprocessor(pieces, sequence_length=LENGTH),
    )


KINDS: Mapping[str, Callable[[], Any]] = {
    "bert": lambda: _bert(lowercase=True),
    "bert_cased": lambda: _bert(lowercase=False),
    "bert_without_accents": _bert_without_accents,
    "roberta": _roberta,
    "albert": _albert,
    "xlm_roberta": _xlm_roberta,
    "deberta": _deberta,
}


@cache
def _seed() -> None:
    """Once: each time, TensorFlow forgets the sentencepiece models that are loaded."""
    import keras

    keras.utils.set_random_seed(0)


@cache
def _word_pieces() -> tuple[str, ...]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    made.train_from_iterator(LINES, trainer)
    vocabulary = made.get_vocab()
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


@cache
def _byte_pairs() -> tuple[dict[str, int], tuple[str, ...]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(LINES, trainer)
    model = json.loads(made.to_str())["model"]
    return model["vocab"], tuple(" ".join(pair) for pair in model["merges"])


@cache
def _sentence_pieces(marks: str = "", **settings: Any) -> bytes:
    from sentencepiece import SentencePieceTrainer

    file = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=file,
        vocab_size=150,
        hard_vocab_limit=False,
        user_defined_symbols=marks,
        minloglevel=2,
        **settings,
    )
    return file.getvalue()
