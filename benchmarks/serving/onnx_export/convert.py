"""The Keras model as ONNX, in float or int8, whichever ONNX Runtime answers faster.

    python convert.py FOLDER

reads ``model.keras`` and ``example.npz`` in the folder and writes ``model.onnx``; its last line on
stdout says which form it is. int8 is what `onnxruntime.quantization` makes by its documentation:
preprocessed, QDQ, static, weights per channel, calibrated with training examples.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

_OPSET = 18
_ROUNDS, _RUNS = 15, 10
Floats = npt.NDArray[np.float32]


class _Examples(CalibrationDataReader):
    def __init__(self, name: str, examples: Floats) -> None:
        self._feeds: Iterator[dict[str, Floats]] = iter(
            [{name: examples[row : row + 1]} for row in range(len(examples))]
        )

    def get_next(self) -> dict[str, Floats] | None:
        """The next example."""
        return next(self._feeds, None)


def main(folder: Path) -> None:
    """The command line above."""
    example = np.load(folder / "example.npz")
    forms = {"float32": folder / "float32.onnx", "static int8": folder / "int8.onnx"}
    _convert(folder / "model.keras", forms["float32"])
    _quantize(forms["float32"], forms["static int8"], example["calibration"])
    label = int(example["scores"].argmax())
    sessions = {name: _session(path) for name, path in forms.items()}
    right = {
        name: session
        for name, session in sessions.items()
        if int(_run(session, example["x"]).argmax()) == label
    }
    seconds = {name: min(times) for name, times in _time(right, example["x"]).items()}
    fastest = min(seconds, key=seconds.__getitem__)
    shutil.copyfile(forms[fastest], folder / "model.onnx")
    print(fastest)


def _convert(source: Path, target: Path) -> None:
    model = keras.models.load_model(source)
    spec = (tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x"),)
    function = tf.function(lambda x: model(x, training=False), input_signature=spec)
    tf2onnx.convert.from_function(
        function, input_signature=spec, opset=_OPSET, output_path=str(target)
    )


def _quantize(source: Path, target: Path, examples: Floats) -> None:
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    name = _session(prepared).get_inputs()[0].name
    quantize_static(str(prepared), str(target), _Examples(name, examples), per_channel=True)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, x: Floats) -> Floats:
    scores: Floats = session.run(None, {session.get_inputs()[0].name: x})[0]
    return scores


def _time(sessions: dict[str, Any], x: Floats) -> dict[str, list[float]]:
    """Seconds of so many runs by form, in turns."""
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(_ROUNDS):
        for name, session in sessions.items():
            began = time.perf_counter()
            for _ in range(_RUNS):
                _run(session, x)
            times[name].append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]))
