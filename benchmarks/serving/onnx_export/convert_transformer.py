"""The BERT as ONNX, in float or int8, whichever ONNX Runtime answers faster.

    python convert_transformer.py FOLDER

reads ``saved_model`` in the folder and writes ``model.onnx``; its last line on stdout says which
form it is. int8 is what `onnxruntime.quantization` makes by its documentation for transformers:
preprocessed, dynamic, weights per channel.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

_OPSET = 18
_ROUNDS, _RUNS, _TOKENS = 15, 5, 32
Feeds = dict[str, npt.NDArray[np.int32]]


def main(folder: Path) -> None:
    """The command line above."""
    forms = {"float32": folder / "float32.onnx", "dynamic int8": folder / "int8.onnx"}
    _convert(folder / "saved_model", forms["float32"])
    prepared = folder / "prepared.onnx"
    quant_pre_process(str(forms["float32"]), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared), str(forms["dynamic int8"]), per_channel=True, weight_type=QuantType.QInt8
    )
    sessions = {name: _session(path) for name, path in forms.items()}
    seconds = {name: min(times) for name, times in _time(sessions).items()}
    fastest = min(seconds, key=seconds.__getitem__)
    shutil.copyfile(forms[fastest], folder / "model.onnx")
    print(fastest)


def _convert(source: Path, target: Path) -> None:
    loaded = tf.saved_model.load(str(source))
    # What Keras exports takes a list or a dict in one argument; ONNX, each tensor by its name.
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    names = sorted(specs)
    specification = [tf.TensorSpec((None, None), specs[name].dtype, name=name) for name in names]
    function = tf.function(
        lambda *tensors: signature(**dict(zip(names, tensors, strict=True))),
        input_signature=specification,
    )
    tf2onnx.convert.from_function(
        function, input_signature=specification, opset=_OPSET, output_path=str(target)
    )


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _time(sessions: dict[str, Any]) -> dict[str, list[float]]:
    """Seconds of so many runs by form, in turns."""
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(_ROUNDS):
        for name, session in sessions.items():
            feeds: Feeds = {
                entry.name: np.ones((1, _TOKENS), np.int32) for entry in session.get_inputs()
            }
            began = time.perf_counter()
            for _ in range(_RUNS):
                session.run(None, feeds)
            times[name].append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]))
