"""How clients send each input, read off the model, its examples and the recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast, get_args

from model_export.errors import ConversionError, UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.images import Front, picture_spec
from model_export.signature.source_model import SourceModel, TensorInfo
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import ClientDType, InputSpec, Preprocess, PreprocessKind
from tflite_serving.inputs.diagnose import nearest


def describe_inputs(
    source: SourceModel,
    recipe: Recipe,
    preprocessing: Preprocessing | None,
    given: tuple[str, ...],
    fronts: Mapping[str, Front],
) -> tuple[InputSpec, ...]:
    """The inputs as the manifest will have them, but for what stands for missing values.

    Args:
        source, recipe, preprocessing, given, fronts: as `describe_signature` takes them.

    Raises:
        ConversionError: the model has an input that cannot be served.
        UsageError: the recipe does not fit the model.
    """
    names = [info.name for info in source.inputs]
    for info in source.inputs:
        if not info.shape or info.shape[0] is not None:
            raise ConversionError(
                f"input {info.name!r}: expected a shape that leaves the batch open, got "
                f"{list(info.shape)}; begin the model with keras.Input(shape=…)"
            )
    pictures = {
        info.name: picture_spec(
            info, recipe.inputs.get(info.name, InputSection()), fronts.get(info.name)
        )
        for info in source.inputs
    }
    kinds = _kinds(source.inputs, preprocessing, {name for name, spec in pictures.items() if spec})
    columns = _columns(source.inputs, recipe, kinds, given)
    inputs = tuple(
        pictures[info.name] or _input(info, recipe, kinds[info.name], columns.get(info.name, ()))
        for info in source.inputs
    )
    fields = [field.name for spec in inputs for field in spec.fields]
    for name in recipe.inputs:
        if name not in (*names, *fields):
            raise UsageError(
                f"recipe.inputs.{name}: no such input or column; {nearest(name, fields)}"
            )
    return inputs


def _kinds(
    inputs: tuple[TensorInfo, ...], preprocessing: Preprocessing | None, pictures: Collection[str]
) -> dict[str, PreprocessKind]:
    """How clients send each input.

    What a text layer reads is text; single values are the features of a record, if there are
    several inputs and all others are pictures.
    """
    steps = preprocessing.steps if preprocessing else ()
    texts = {
        name
        for step in steps
        for name in step.inputs
        if step.tokens or (step.lookup and step.lookup.words)
    }
    taken = {name for step in steps for name in step.inputs}
    single = {info.name for info in inputs if info.shape[1:] in ((), (1,))}
    are_features = len(inputs) > 1 and len(single) + len(pictures) == len(inputs)
    found: dict[str, PreprocessKind] = {}
    for info in inputs:
        if info.name in pictures:
            found[info.name] = "image"
        elif info.name not in single:
            found[info.name] = "tensor"
        elif info.name in texts:
            found[info.name] = "text"
        else:
            found[info.name] = "record" if are_features or info.name in taken else "tensor"
    return found


def _columns(
    inputs: tuple[TensorInfo, ...],
    recipe: Recipe,
    kinds: Mapping[str, PreprocessKind],
    given: tuple[str, ...],
) -> dict[str, tuple[str, ...]]:
    """What the values of rows of numbers are called: by the recipe, or else by the examples."""
    found = {name: section.columns for name, section in recipe.inputs.items() if section.columns}
    rows = [info for info in inputs if kinds[info.name] == "tensor" and len(info.shape) == 2]
    for name, columns in found.items():
        size = next((info.shape[1] for info in rows if info.name == name), None)
        if size != len(columns):
            raise UsageError(
                f"recipe.inputs.{name}.columns: expected as many as the input has values, "
                f"{'which is no row of numbers' if size is None else size}, got {len(columns)}"
            )
    names = [info.name for info in inputs]
    others = tuple(name for name in given if name not in names)
    unnamed = [info for info in rows if info.name not in (*found, *given)]
    if len(unnamed) == 1 and len(others) == unnamed[0].shape[1] and len(others) > 1:
        found[unnamed[0].name] = others
    for name, columns in found.items():
        taken = {*names, *(each for other in found if other != name for each in found[other])}
        for column in columns:
            if column in taken:
                raise UsageError(
                    f"recipe.inputs.{name}.columns: expected names that no input and no other "
                    f"column has, got {column!r}"
                )
    return found


def _input(
    info: TensorInfo, recipe: Recipe, kind: PreprocessKind, columns: tuple[str, ...]
) -> InputSpec:
    section = recipe.inputs.get(info.name, InputSection())
    own = [(name, recipe.inputs.get(name, InputSection())) for name in columns]
    for name, of in own:
        if of.kind is not None or of.is_of_pictures:
            raise UsageError(
                f"recipe.inputs.{name}: expected description, units or missing of a column of "
                f"{info.name!r}, got a key of whole inputs"
            )
    try:
        record = Record(tuple(Column(name, None, of.description, of.units) for name, of in own))
        return InputSpec(
            name=info.name,
            dtype=_client_dtype(info, kind),
            shape=info.shape if kind == "tensor" else info.shape[:1],
            preprocess=Preprocess("record", record=record) if columns else Preprocess(kind),
            description=section.description,
            units=section.units,
        )
    except ContractError as error:
        raise UsageError(f"recipe.inputs.{info.name}: {error}") from None


def _client_dtype(info: TensorInfo, kind: PreprocessKind) -> ClientDType:
    if info.dtype == "string" and kind == "tensor":
        raise ConversionError(
            f"input {info.name!r}: it takes strings, which must be single ones that go to a "
            "TextVectorization or StringLookup of a .keras model; build a model that starts where "
            "strings have become numbers, and give it these"
        )
    if info.dtype not in get_args(ClientDType):
        raise ConversionError(
            f"input {info.name!r}: expected one of {', '.join(get_args(ClientDType))}, "
            f"got {info.dtype}"
        )
    return cast("ClientDType", info.dtype)
