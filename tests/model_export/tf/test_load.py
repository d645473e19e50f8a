"""Loading: every format gives the same model, and what cannot be trusted is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from model_export.errors import LoadError
from model_export.signature.source_model import TensorInfo
from model_export.tf.graph import endings
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource, SavedModelSource
from tests.support.models import keras_models

layers = keras.layers
X = keras_models.flowers(300, 5).inputs["features"]

# Keras itself advises against lambdas and its older format, when it saves them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def save(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(LoadError) as caught:
        load_source(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def dense(saved: Callable[[str], Any]) -> keras.Model:
    model: keras.Model = saved("dense").model
    return model


@pytest.mark.parametrize("form", [".keras", ".h5", ".hdf5", "export", "saved_model"])
def test_every_format_answers_like_the_model_that_was_saved(
    dense: keras.Model, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "model"
    if form == "export":
        dense.export(path, verbose=False)
    elif form == "saved_model":
        tf.saved_model.save(dense, path)
    else:
        path = save(dense, tmp_path / f"model{form}")
    source = load_source(path)
    (input_,), (output,) = source.inputs, source.outputs
    assert (input_.dtype, input_.shape) == ("float32", (None, 4))
    assert (output.dtype, output.shape) == ("float32", (None, 3))
    assert source.endings == ("softmax" if form.startswith(".") else "unknown",)
    answers = source.predict({input_.name: X})[output.name]
    assert answers.shape == (300, 3)
    np.testing.assert_allclose(answers, keras_models.answers(dense, X), atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_file_gives_the_names_that_the_model_was_made_with(
    dense: keras.Model, tmp_path: Path, suffix: str
) -> None:
    source = load_source(save(dense, tmp_path / f"model{suffix}"))
    assert isinstance(source, KerasSource)
    assert source.inputs == (TensorInfo("features", "float32", (None, 4)),)
    assert source.outputs == (TensorInfo("species", "float32", (None, 3)),)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("form", [".keras", ".h5", "export"])
def test_a_model_with_several_inputs_takes_each_by_its_name(
    tmp_path: Path, form: str, *, as_dict: bool
) -> None:
    model = keras_models.two_inputs(as_dict=as_dict)
    path = tmp_path / f"model{form}"
    if form == "export":
        model.export(path, verbose=False)
    else:
        model.save(path)
    source = load_source(path)
    shapes = {info.name: info.shape for info in source.inputs}
    assert shapes == {"pixels": (None, 6, 6, 1), "features": (None, 4)}
    if not as_dict and form != "export":  # a signature sorts its inputs
        assert list(shapes) == ["pixels", "features"]
    inputs = dict(keras_models.pairs(30, 1).inputs)
    arrays = inputs if as_dict else [inputs["pixels"], inputs["features"]]
    (output,) = source.outputs
    np.testing.assert_allclose(
        source.predict(inputs)[output.name], np.asarray(model(arrays)), atol=1e-6
    )
    function, _ = source.concrete_function()
    assert set(function.structured_outputs) == {"output_0"}


def test_dtypes_are_those_of_the_inputs(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32", name="tokens"),
            layers.Embedding(7, 3),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    source = load_source(save(model, tmp_path / "model.keras"))
    assert source.inputs == (TensorInfo("tokens", "int32", (None, 5)),)


def lambda_layer() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice")])


def lambda_inside() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), lambda_layer(), layers.Dense(3)])


def lambda_activation() -> keras.Model:
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation=lambda x: x * 2, name="odd")]
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda_layer, "layer 'twice' (Lambda)"),
        (lambda_inside, "layer 'twice' (Lambda)"),
        (lambda_activation, "the activation of layer 'odd' (a lambda function)"),
    ],
)
def test_a_file_with_python_code_is_refused_by_the_layers_name(
    tmp_path: Path, suffix: str, make: Callable[[], keras.Model], what: str
) -> None:
    told = complaint(save(make(), tmp_path / f"model{suffix}"))
    assert what in told
    assert "hold Python code" in told
    assert "model.unsafe_load = true" in told


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", [lambda_layer, lambda_inside])
def test_a_file_with_python_code_is_loaded_where_the_recipe_trusts_it(
    tmp_path: Path, suffix: str, make: Callable[[], keras.Model]
) -> None:
    model = make()
    source = load_source(save(model, tmp_path / f"model{suffix}"), unsafe_load=True)
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)


def changed(path: Path, place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a model file whose description of the layer "hidden" is another one."""

    def described(config: Any) -> str:
        (layer,) = (
            each for each in config["config"]["layers"] if each["config"]["name"] == "hidden"
        )
        change(layer)
        return json.dumps(config)

    if path.suffix == ".h5":
        shutil.copy(path, place)
        with h5py.File(place, "r+") as file:
            file.attrs["model_config"] = described(json.loads(file.attrs["model_config"]))
        return place
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(place, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            copy.writestr(name, described(json.loads(data)) if name == "config.json" else data)
    return place


def loading_a_saved_model(layer: dict[str, Any]) -> None:
    layer["class_name"] = "TFSMLayer"
    layer["config"] = {"name": "hidden", "filepath": "/nowhere", "call_endpoint": "serve"}


def calling(module: str, name: str) -> Callable[[dict[str, Any]], None]:
    def change(layer: dict[str, Any]) -> None:
        layer["config"]["activation"] = {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": "function",
        }

    return change


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (loading_a_saved_model, "layer 'hidden' (TFSMLayer) hold Python code"),
        (calling("keras.layers", "TFSMLayer"), "a function (TFSMLayer) hold Python code"),
        (calling("keras.utils", "get_file"), "`keras.utils.get_file` because it is not a modeling"),
        (calling("keras.saving", "load_model"), "`keras.saving.load_model` because it is not"),
        (calling("os", "system"), "it does not know 'system'"),
        (calling("builtins", "eval"), "it does not know 'eval'"),
    ],
)
def test_a_file_that_reaches_for_other_code_is_refused(
    dense: keras.Model,
    tmp_path: Path,
    suffix: str,
    change: Callable[[dict[str, Any]], None],
    told: str,
) -> None:
    path = save(dense, tmp_path / f"model{suffix}")
    assert told in complaint(changed(path, tmp_path / f"changed{suffix}", change))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [layers.StringLookup, layers.TextVectorization])
def test_a_vocabulary_of_this_machine_is_not_read(tmp_path: Path, suffix: str, kind: Any) -> None:
    (tmp_path / "words.txt").write_text("secret\n")
    lookup = kind(vocabulary=["a", "b"], output_mode="multi_hot", name="hidden")
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup, layers.Dense(2)])

    def change(layer: dict[str, Any]) -> None:
        layer["config"]["vocabulary"] = str(tmp_path / "words.txt")

    path = save(model, tmp_path / f"model{suffix}")
    told = complaint(changed(path, tmp_path / f"changed{suffix}", change))
    assert "vocabulary file outside of the model archive" in told
    assert "set model.unsafe_load = true" in told


@pytest.mark.parametrize("way", ["a link", "a part"])
def test_weights_of_another_file_are_not_read(dense: keras.Model, tmp_path: Path, way: str) -> None:
    path, other = save(dense, tmp_path / "model.h5"), save(dense, tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        kernel = next(name for name in names if name.endswith("hidden/kernel"))
        shape = file[kernel].shape
        del file[kernel]
        if way == "a link":
            file[kernel] = h5py.ExternalLink(str(other), f"/{kernel}")
        else:
            size = int(np.prod(shape)) * 4
            file.create_dataset(kernel, shape, "float32", external=[(str(other), 0, size)])
    assert "Not allowed: H5 file with " in complaint(path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no such file or folder; train" in complaint(tmp_path / "missing.keras")


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("keep", [0, 200, 0.5])
def test_a_damaged_file_is_refused(
    dense: keras.Model, tmp_path: Path, name: str, keep: float
) -> None:
    path = save(dense, tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])
    assert "expected a Keras model, got" in complaint(path)


def test_a_file_of_another_kind_in_a_keras_files_clothes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "expected a Keras model, got" in complaint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{")
    assert "expected a Keras model, got" in complaint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[]")
    assert "Keras cannot load it" in complaint(path)


def test_a_folder_that_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    assert "expected a SavedModel folder, got no saved_model.pb in it" in complaint(tmp_path)


def test_a_damaged_saved_model_is_refused(dense: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model"
    dense.export(path, verbose=False)
    (path / "saved_model.pb").write_bytes(b"damaged")
    assert "TensorFlow cannot load it: " in complaint(path)


def test_a_saved_model_without_a_default_signature_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,))])
    tf.saved_model.save(module, tmp_path / "model", signatures={"double": module.double})
    told = complaint(tmp_path / "model")
    assert "expected the signature serving_default, got ['double']" in told


def test_weights_without_a_model_are_refused_with_advice(
    dense: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "model.weights.h5"
    dense.save_weights(path)
    assert "expected a whole model, got weights alone; use model.save" in complaint(path)


@pytest.mark.parametrize(("name", "what"), [("model.pt", ".pt"), ("model", "no suffix")])
def test_another_suffix_is_refused(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).touch()
    told = complaint(tmp_path / name)
    assert f"expected .keras, .h5 or a SavedModel folder, got {what}" in told


class Subclassed(keras.Model):  # type: ignore[misc]  # keras has no types
    """A model without fixed inputs and outputs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.head = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.head(x)


def test_a_subclassed_model_is_refused_with_advice(tmp_path: Path) -> None:
    model = Subclassed()
    model(X)
    path = save(model, tmp_path / "model.keras")
    told = complaint(path, custom_objects={"Subclassed": Subclassed})
    assert "the model has no fixed inputs and outputs" in told
    assert "save a Sequential or functional model that begins with keras.Input" in told


class Double(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer that Keras does not know."""

    def call(self, x: Any) -> Any:
        return 2 * x


def custom() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), Double(name="double"), layers.Dense(3)])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_class_is_named_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    told = complaint(save(custom(), tmp_path / f"model{suffix}"))
    assert "it does not know 'Double'; give it with model.custom_objects" in told


def my_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(y_pred - y_true)


class MyMetric(keras.metrics.Metric):  # type: ignore[misc]  # keras has no types
    def update_state(self, *_: Any, **__: Any) -> None: ...

    def result(self) -> Any:
        return 0.0


class MyOptimizer(keras.optimizers.SGD):  # type: ignore[misc]  # keras has no types
    """An optimizer that Keras does not know."""


def trained(**compiled: Any) -> keras.Model:
    """A model that was compiled, and that another one that was compiled is within."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="within")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1)])
    for each in (inner, model):
        each.compile(**compiled)
    model.fit(X[:2], np.zeros((2, 1)), verbose=0)  # until then Keras has no metrics to write down
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_a_model_was_compiled_with_is_not_demanded_unless_it_is_wanted(
    tmp_path: Path, suffix: str
) -> None:
    model = trained(loss=my_loss, metrics=[MyMetric()], optimizer=MyOptimizer())
    source = load_source(save(model, tmp_path / f"model{suffix}"), compiled=False)
    assert isinstance(source, KerasSource)
    assert not source.model.compiled
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_loss_is_named_with_what_to_do_where_it_is_wanted(
    tmp_path: Path, suffix: str
) -> None:
    path = save(trained(loss=my_loss), tmp_path / f"model{suffix}")
    told = complaint(path)
    assert "fine-tuning needs the loss that the model was compiled with" in told
    assert "'my_loss'" in told
    assert "model.custom_objects" in told
    source = load_source(path, custom_objects={"my_loss": my_loss})
    assert isinstance(source, KerasSource)
    assert source.model.loss is my_loss


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_metric_or_optimizer_does_not_matter(tmp_path: Path, suffix: str) -> None:
    model = trained(loss="mse", metrics=[MyMetric()], optimizer=MyOptimizer(0.25))
    path = save(model, tmp_path / f"model{suffix}")
    told: list[str] = []
    source = load_source(path, log=told.append)
    assert isinstance(source, KerasSource)
    assert isinstance(source.model.optimizer, keras.optimizers.Adam)
    assert "MyOptimizer" in "".join(told)
    known = load_source(path, custom_objects={"MyOptimizer": MyOptimizer})
    assert isinstance(known, KerasSource)
    assert isinstance(known.model.optimizer, MyOptimizer)
    assert float(known.model.optimizer.learning_rate) == 0.25


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_each_output_keeps_its_own_loss_and_weight(tmp_path: Path, suffix: str) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, {name: layers.Dense(1, name=name)(x) for name in ("a", "b")})
    losses = {"a": keras.losses.Huber(reduction="sum"), "b": "mae"}
    model.compile(loss=losses, loss_weights={"a": 1.0, "b": 3.0})
    source = load_source(save(model, tmp_path / f"model{suffix}"))
    assert isinstance(source, KerasSource)
    found = source.model.loss
    assert found["a"].get_config()["reduction"] == "sum"
    assert getattr(found["b"], "fn", found["b"]) is keras.losses.get("mae")
    assert source.model.get_compile_config()["loss_weights"] == {"a": 1.0, "b": 3.0}


def test_a_lambda_that_a_model_was_compiled_with_is_no_part_of_it(tmp_path: Path) -> None:
    path = save(trained(loss=lambda y, p: keras.ops.mean(p - y)), tmp_path / "model.keras")
    load_source(path, compiled=False)
    assert "fine-tuning needs the loss" in complaint(path)
    trusted = load_source(path, unsafe_load=True)
    assert isinstance(trusted, KerasSource)
    assert callable(trusted.model.loss)


@pytest.mark.parametrize("loss", ["bce", "kld", "mae", "mape", "mse", "msle"])
def test_a_loss_of_an_hdf5_file_is_known_by_its_short_name(tmp_path: Path, loss: str) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(loss=loss, metrics=["mae"])
    model.fit(X[:2], np.zeros((2, 3)), verbose=0)  # until then Keras has no metrics to write down
    source = load_source(save(model, tmp_path / "model.h5"))
    assert isinstance(source, KerasSource)
    found = source.model.loss
    assert getattr(found, "fn", found) is keras.losses.get(loss)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_class_that_is_given_is_used(tmp_path: Path, suffix: str) -> None:
    model = custom()
    path = save(model, tmp_path / f"model{suffix}")
    source = load_source(path, custom_objects={"Double": Double})
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)
    assert "double" in source.layers


def test_texts_are_asked_about_many_at_a_time(tmp_path: Path) -> None:
    asked = []

    class Counting(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
        def call(self, x: Any) -> Any:
            asked.append(x.shape)
            return x

    lookup = layers.StringLookup(vocabulary=["a"], output_mode="one_hot")
    for shape in ((), (1,)):
        model = keras.Sequential([keras.Input(shape, dtype="string"), lookup, Counting()])
        source = load_source(
            save(model, tmp_path / "model.keras"), custom_objects={"Counting": Counting}
        )
        texts = np.array(["a", "b"] * 20, object).reshape(-1, *shape)
        asked.clear()
        (answers,) = source.predict({source.inputs[0].name: texts}).values()
        assert answers.tolist() == [[0, 1], [1, 0]] * 20
        assert len(asked) == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_need_not_be_compiled(tmp_path: Path, *, compiled: bool) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    if compiled:
        model.compile(loss="sparse_categorical_crossentropy")
    source = load_source(save(model, tmp_path / "model.keras"))
    assert isinstance(source, KerasSource)
    assert source.model.compiled is compiled


def ending(*last: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="relu"), *last])


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([layers.Dense(3, activation="softmax")], "softmax"),
        ([layers.Dense(1, activation="sigmoid")], "sigmoid"),
        ([layers.Dense(3)], "linear"),
        ([layers.Dense(1)], "linear"),
        ([layers.Dense(3, activation="linear")], "linear"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
        ([layers.Dense(1), layers.Activation("sigmoid")], "sigmoid"),
        ([layers.Dense(3, activation="relu")], "unknown"),
        ([layers.Dense(3), layers.Dropout(0.5)], "unknown"),
    ],
)
def test_what_a_model_ends_in_is_read_off_its_last_layer(
    tmp_path: Path, last: list[Any], expected: str
) -> None:
    model = ending(*last)
    assert endings(model) == (expected,)
    assert load_source(save(model, tmp_path / "model.keras")).endings == (expected,)


@pytest.mark.parametrize(("activation", "expected"), [(None, "linear"), ("softmax", "softmax")])
def test_what_a_model_ends_in_is_seen_in_a_model_within_the_model(
    activation: str | None, expected: str
) -> None:
    head = keras.Sequential([keras.Input((5,)), layers.Dense(3, activation=activation)])
    inputs = keras.Input((4,))
    functional = keras.Model(inputs, head(layers.Dense(5)(inputs)))
    assert endings(ending(head)) == endings(functional) == (expected,)


def test_a_saved_model_says_nothing_of_its_activation(dense: keras.Model, tmp_path: Path) -> None:
    dense.export(tmp_path / "model", verbose=False)
    source = load_source(tmp_path / "model")
    assert isinstance(source, SavedModelSource)
    assert source.layers == {}


def test_outputs_that_share_a_name_are_refused(tmp_path: Path) -> None:
    first, second = keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(2, name="shared")
    twins = keras.Model([first, second], [shared(first), shared(second)])
    told = complaint(save(twins, tmp_path / "twins.keras"))
    assert "got shared, shared; give the model its outputs as a dict, by name" in told
