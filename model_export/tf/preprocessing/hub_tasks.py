"""Cuts the preprocessor off a text classifier of KerasHub."""

from __future__ import annotations

from typing import cast

from model_export.errors import ConversionError
from model_export.tf.preprocessing.extract import SplitModel
from model_export.tf.preprocessing.tokenizers import encoding_of
from model_export.tf.task_source import TEXT, TaskSource
from tflite_serving.contract.preprocessing import Preprocessing, Step
from tflite_serving.contract.tokens import TensorRole, TokensSpec

_ROLES = ("token_ids", "padding_mask", "segment_ids")


def split_task(source: TaskSource, where: str) -> SplitModel:
    """Cuts such a model where it takes tokens.

    Args:
        source: the whole model.
        where: it came from, for complaints.

    Returns:
        its parts; sequences have one length, its largest.

    Raises:
        ConversionError: the function cannot make these tokens.
    """
    preprocessor = source.preprocessor
    tokenizer = preprocessor.tokenizer
    names = [info.name for info in source.core.inputs]
    if not set(names) <= set(_ROLES):
        raise ConversionError(f"{where}: expected inputs among {', '.join(_ROLES)}, got {names}")
    encoding = encoding_of(tokenizer, where)
    tokens = TokensSpec(
        file=encoding.file,
        words=encoding.words,
        unknown=encoding.unknown,
        prefix=encoding.prefix,
        offset=encoding.offset,
        zero=encoding.zero,
        start=tokenizer.start_token_id,
        end=tokenizer.end_token_id,
        padding=tokenizer.pad_token_id,
        roles=tuple(cast("TensorRole", name) for name in names),
        buckets=(preprocessor.sequence_length,),
    )
    step = Step(layer=preprocessor.name, inputs=(TEXT,), outputs=tuple(names), tokens=tokens)
    return SplitModel(
        source.core, Preprocessing(steps=(step,)), assets={encoding.file: encoding.data}
    )
