"""A SavedModel that may touch files is refused before anything of it runs; others load as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model_export.errors import LoadError
from model_export.signature.source_model import SourceModel
from model_export.tf.load import load_source
from model_export.tf.saved_model_operators import find_doubtful
from tools.harmless_operators import harmless_operators

layers = keras.layers
ROW = tf.TensorSpec((None, 4), tf.float32, name="x")
TEXT = tf.TensorSpec((None,), tf.string, name="text")
Compute = Callable[[Any], Any]


def saved(folder: Path, compute: Compute, spec: Any = ROW, **parts: Any) -> Path:
    """A SavedModel whose signature computes `y`, and that has other parts."""
    module = tf.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    module.serve = tf.function(lambda x: {"y": compute(x)}, input_signature=[spec])
    tf.saved_model.save(module, folder / "model", signatures=module.serve)
    return folder / "model"


def refused(path: Path) -> str:
    with pytest.raises(LoadError) as caught:
        load_source(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "set model.unsafe_load = true" in told
    return told


def writing(place: str) -> Compute:
    def compute(x: Any) -> Any:
        tf.io.write_file(place, "harm")
        return 2 * x

    return compute


def test_a_model_that_writes_a_file_writes_none_and_is_loaded_only_where_it_is_trusted(
    tmp_path: Path,
) -> None:
    place = tmp_path / "written"
    path = saved(tmp_path, writing(str(place)))
    place.unlink(missing_ok=True)
    told = refused(path)
    assert "WriteFile (in __inference_" in told
    assert not place.exists()
    source = load_source(path, unsafe_load=True)
    source.predict({"x": np.zeros((2, 4), np.float32)})
    assert place.exists()


class Initialized(tf.lookup.KeyValueTensorInitializer):  # type: ignore[misc]  # no types
    """A table's initializer, which writes when the model is loaded."""

    place = ""

    def initialize(self, table: Any) -> Any:
        tf.io.write_file(self.place, "harm")
        return super().initialize(table)


def test_a_model_that_writes_when_it_is_loaded_writes_none(tmp_path: Path) -> None:
    place = tmp_path / "written"
    Initialized.place = str(place)
    keys = tf.constant(["a", "b"])
    table = tf.lookup.StaticHashTable(Initialized(keys, tf.constant([1, 2])), 0)
    path = saved(tmp_path, table.lookup, TEXT, table=table)
    place.unlink()
    assert "WriteFile (in __inference__initializer_" in refused(path)
    assert not place.exists()
    load_source(path, unsafe_load=True)
    assert place.exists()


def python_function(x: Any) -> Any:
    return tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), x.shape)


def numpy_function(x: Any) -> Any:
    return tf.ensure_shape(tf.numpy_function(lambda y: y, [x], tf.float32), x.shape)


def in_a_branch(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 1e9, lambda: writing("/nowhere/file")(x), lambda: x)


def in_a_loop(x: Any) -> Any:
    return tf.while_loop(lambda y: tf.reduce_sum(y) > 1e9, lambda y: (in_a_branch(y),), [x])[0]


def in_a_dataset(x: Any) -> Any:
    lines = tf.data.TextLineDataset("/etc/hostname")
    found = lines.reduce(tf.constant(""), lambda before, line: tf.strings.join([before, line]))
    return x + tf.cast(tf.strings.length(found), tf.float32)


def printing(x: Any) -> Any:
    tf.print("harm", output_stream="file:///nowhere/file")
    return x


def reading(x: Any) -> Any:
    return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


def listing(x: Any) -> Any:
    return x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def checkpoint(x: Any) -> Any:
    tf.raw_ops.SaveV2(
        prefix="/nowhere/file", tensor_names=["x"], shape_and_slices=[""], tensors=[x]
    )
    return x


def restoring(x: Any) -> Any:
    (found,) = tf.raw_ops.RestoreV2(
        prefix="/nowhere/file", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return x + found


def watching(x: Any) -> Any:
    return tf.raw_ops.DebugIdentityV2(
        input=x, tfdbg_context_id="", op_name="", output_slot=0, debug_urls=["file:///nowhere"]
    )


def mapped(x: Any) -> Any:
    content = tf.raw_ops.ImmutableConst(
        dtype=tf.uint8, shape=[1], memory_region_name="/etc/hostname"
    )
    return x + tf.cast(content[0], tf.float32)


@pytest.mark.parametrize(
    ("compute", "operator"),
    [
        (python_function, "EagerPyFunc"),
        (numpy_function, "PyFunc"),
        (in_a_branch, "WriteFile"),
        (in_a_loop, "WriteFile"),
        (in_a_dataset, "TextLineDataset"),
        (printing, "PrintV2 to file:///nowhere/file"),
        (reading, "ReadFile"),
        (listing, "MatchingFiles"),
        (checkpoint, "SaveV2"),
        (restoring, "RestoreV2"),
        (watching, "DebugIdentityV2"),
        (mapped, "ImmutableConst"),
    ],
)
def test_operators_that_do_more_than_compute_are_named(
    tmp_path: Path, compute: Compute, operator: str
) -> None:
    assert f"{operator} (in " in refused(saved(tmp_path, compute))


def test_the_saver_of_one_signature_is_no_operator_of_another(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    path = saved(tmp_path, lambda x: 2 * x, weight=tf.Variable(1.0)) / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = model.meta_graphs
    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    (saver,) = (name for name in functions if "traced_save" in name)
    (serve,) = (f for name, f in functions.items() if "signature_wrapper" in name)
    assert find_doubtful(path.parent) == []
    call = serve.node_def.add()
    call.name, call.op = "harm", "StatefulPartitionedCall"
    call.attr["f"].func.name = saver
    path.write_bytes(model.SerializeToString())
    told = find_doubtful(path.parent)
    assert [each.partition(" ")[0] for each in told] == ["MergeV2Checkpoints", "SaveV2"]
    # TensorFlow may put one function in the place of another that says it does the same.
    del call.attr["f"]
    serve.node_def.pop()
    for function in (serve, functions[saver]):
        function.attr["api_implements"].s = b"same"
    path.write_bytes(model.SerializeToString())
    assert find_doubtful(path.parent) == told


def vocabulary(folder: Path) -> Any:
    (folder / "words.txt").write_text("b\na\n")
    initializer = tf.lookup.TextFileInitializer(
        str(folder / "words.txt"),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(initializer, -1)


def test_a_table_from_a_file_is_refused(tmp_path: Path) -> None:
    """Also from an asset: another function may call the one that reads it, with another path."""
    table = vocabulary(tmp_path)
    path = saved(tmp_path, table.lookup, TEXT, table=table)
    assert "InitializeTableFromTextFileV2 (in __inference_" in refused(path)
    (tmp_path / "words.txt").unlink()
    source = load_source(path, unsafe_load=True)
    texts = np.array(["a", "b", "c"], object)
    assert source.predict({"text": texts})["y"].tolist() == [1, 0, -1]


def test_a_table_from_a_file_that_is_no_asset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("b\na\n")

    def looked_up(x: Any) -> Any:
        table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
        filled = tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table,
            filename=str(tmp_path / "words.txt"),
            key_index=-2,
            value_index=-1,
        )
        with tf.control_dependencies([filled]):
            return tf.raw_ops.LookupTableFindV2(
                table_handle=table, keys=x, default_value=tf.constant(-1, tf.int64)
            )

    told = refused(saved(tmp_path, looked_up, TEXT))
    assert "InitializeTableFromTextFileV2 (in __inference_" in told


def old(folder: Path, first: Callable[[Any], list[Any]]) -> Path:
    """A SavedModel of TensorFlow 1, whose output waits for what is done first."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4))
        weights = v1.get_variable("weights", (4, 3))
        logits = x @ weights
        with tf.control_dependencies(first(logits)):
            y = tf.identity(logits)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder / "old"))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature}
        )
        builder.save()
    return folder / "old"


def test_variables_are_restored_from_the_folder_alone(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    path = old(tmp_path, lambda _: [])
    file = path / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    graph = model.meta_graphs[0]
    (restore,) = (node for node in graph.graph_def.node if node.op == "RestoreV2")
    elsewhere = graph.graph_def.node.add(name="elsewhere", op="Const")
    elsewhere.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/nowhere/variables"))
    elsewhere.attr["dtype"].type = tf.string.as_datatype_enum
    restore.input[0] = "elsewhere"
    file.write_bytes(model.SerializeToString())
    assert find_doubtful(path) == ["RestoreV2 of another file"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (lambda _: [], []),
        (lambda _: [tf.io.write_file("/nowhere/file", "harm")], ["WriteFile"]),
        (
            lambda y: [
                tf.raw_ops.SaveV2(
                    prefix="/nowhere", tensor_names=["y"], shape_and_slices=[""], tensors=[y]
                )
            ],
            ["SaveV2"],
        ),
    ],
)
def test_a_saved_model_of_tensorflow_1_is_looked_at_node_by_node(
    tmp_path: Path, first: Callable[[Any], list[Any]], told: list[str]
) -> None:
    path = old(tmp_path, first)
    assert find_doubtful(path) == told
    if not told:
        answers = load_source(path).predict({"x": np.zeros((2, 4), np.float32)})
        assert answers["y"].tolist() == [[0, 0, 0]] * 2


def classifier() -> keras.Model:
    x = keras.Input((6, 6, 1))
    y = layers.Conv2D(2, 3, activation="relu")(layers.Rescaling(1 / 255)(x))
    y = layers.Dropout(0.5)(layers.BatchNormalization()(y))
    return keras.Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(y)))


def recurrent() -> keras.Model:
    x = keras.Input((5, 3))
    y = layers.Bidirectional(layers.GRU(4))(layers.LSTM(4, return_sequences=True)(x))
    return keras.Model(x, layers.Dense(3)(y))


def attention() -> keras.Model:
    x = keras.Input((7,), dtype="int32")
    y = layers.Embedding(20, 8)(x)
    y = layers.LayerNormalization()(y + layers.MultiHeadAttention(2, 4)(y, y))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y)))


def augmenting() -> keras.Model:
    x = keras.Input((8, 8, 3))
    y = layers.RandomFlip()(layers.RandomRotation(0.1)(layers.Resizing(6, 6)(x)))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def texts() -> keras.Model:
    x = keras.Input((), dtype="string")
    y = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)(x)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Embedding(5, 3)(y))))


def categories() -> keras.Model:
    word, number = keras.Input((1,), dtype="string"), keras.Input((1,))
    a = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(word)
    b = layers.Hashing(3, output_mode="one_hot")(word)
    c = layers.Discretization([0.5, 1.5], output_mode="one_hot")(number)
    return keras.Model([word, number], layers.Dense(2)(layers.Concatenate()([a, b, c])))


@pytest.mark.parametrize(
    ("make", "ways"),
    [
        (classifier, 2),
        (recurrent, 2),
        (attention, 2),
        (augmenting, 1),  # which the other way cannot save
        (texts, 2),
        (categories, 2),
    ],
)
def test_what_keras_exports_is_harmless(
    tmp_path: Path, make: Callable[[], keras.Model], ways: int
) -> None:
    model = make()
    model.compile(loss="mse", optimizer="adam")
    model.export(tmp_path / "model", verbose=False)
    assert find_doubtful(tmp_path / "model") == []
    source: SourceModel = load_source(tmp_path / "model")
    assert source.outputs
    if ways == 2:
        tf.saved_model.save(model, tmp_path / "again")
        assert find_doubtful(tmp_path / "again") == []


def test_the_list_is_what_the_rule_makes_of_this_tensorflow() -> None:
    from model_export.tf.saved_model_operators import _harmless

    # Another TensorFlow brings other operators: look at them, and write the list again.
    assert sorted(_harmless()) == harmless_operators()
