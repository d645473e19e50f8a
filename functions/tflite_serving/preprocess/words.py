"""How texts become words: what `keras.layers.TextVectorization` does before it looks them up."""

from __future__ import annotations

from collections.abc import Sequence

from tflite_serving.contract.preprocessing import Words

# As Keras has it. TensorFlow works on bytes, of which only ASCII is changed; so is this.
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"


def words_of(text: str, words: Words) -> Sequence[bytes]:
    """The words of a text, in UTF-8, or what is looked up together of them.

    Args:
        text: any; without half surrogates.
        words: how it is split.
    """
    data = text.encode()
    if words.lower:
        data = data.lower()
    if words.strip:
        data = data.translate(None, _PUNCTUATION)
    if words.split == "whitespace":
        found = data.split()
    elif words.split == "character":
        found = [character.encode() for character in data.decode()]
    else:
        found = [data]
    return found if words.ngrams == (1,) else _ngrams(found, words.ngrams)


def _ngrams(words: Sequence[bytes], widths: Sequence[int]) -> list[bytes]:
    return [
        b" ".join(words[at : at + width])
        for width in widths
        for at in range(len(words) - width + 1)
    ]
