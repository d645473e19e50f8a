"""The models in every form that a peer serves, made once and published by our own pipeline."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w

from benchmarks.serving import environments
from benchmarks.serving.environments import HERE, ROOT, WORK
from benchmarks.serving.networks import NETWORKS
from model_export import Progress, open_registry, read_named_alias
from tflite_serving.contract import layout

REGISTRY = WORK / "registry"
_ALIAS = "production"
_PACKAGES = ("keras", "tensorflow", "ai-edge-litert", "litert-quantizer", "numpy")
_MEASURE = {"rounds": 3, "starts": 1}
_SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "digits": {
        "quantize": {"variants": ["static_int8"]},
        "gate": {"max_drop": 0.02},
        "measure": _MEASURE,
    },
    "mlp": {"quantize": {"variants": ["float32"]}, "measure": _MEASURE},
    "wide": {
        "quantize": {"variants": ["static_int8"]},
        "gate": {"max_drop": 1.0},
        "measure": _MEASURE,
    },
    "photo": {
        "inputs": {"photo": {"resize": {"by": "pil", "method": "bilinear"}}},
        "quantize": {"variants": ["static_int8"]},
        "calibration": {"examples": 8},
        "gate": {"max_drop": 1.0},
        "measure": _MEASURE,
    },
    # What random weights answer is neither right nor wrong: speed alone is of interest.
    "mobilenet": {
        "quantize": {"variants": ["static_int8"]},
        "calibration": {"examples": 16},
        "gate": {"max_drop": 1.0},
        "measure": _MEASURE,
    },
}


@dataclass(frozen=True, slots=True)
class Model:
    """One model, ready to be served by anybody.

    Attributes:
        name: in the registry, and of the case.
        tflite: the published flatbuffer.
        keras: the Keras model that all forms come from.
        onnx: the same network for ONNX Runtime.
        onnx_form: "float32" or "static int8".
        instance: what is asked, [1, …] float32.
        label: the right answer.
    """

    name: str
    tflite: Path
    keras: Path
    onnx: Path
    onnx_form: str
    instance: npt.NDArray[np.float32]
    label: str


def model(name: str, progress: Progress) -> Model:
    """A model, which is built, published and converted if no former run did.

    Args:
        name: of a network.
        progress: told of the steps.
    """
    folder = WORK / "models" / name
    stamp = folder / "stamp.json"
    now = _digest(name)
    if not stamp.exists() or json.loads(stamp.read_text(encoding="utf-8"))["digest"] != now:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        facts = _make(name, folder, progress)
        stamp.write_text(json.dumps({"digest": now, **facts}), encoding="utf-8")
    facts = json.loads(stamp.read_text(encoding="utf-8"))
    example = np.load(folder / "example.npz")
    return Model(
        name=name,
        tflite=REGISTRY / layout.file_path(name, facts["version"], "model.tflite"),
        keras=folder / "model.keras",
        onnx=folder / "model.onnx",
        onnx_form=facts["onnx_form"],
        instance=example["x"],
        label=str(int(example["scores"].argmax())),
    )


def onnx_forms() -> dict[str, str]:
    """By model, the form that ONNX Runtime answers faster; of the models that were made."""
    stamps = {name: WORK / "models" / name / "stamp.json" for name in NETWORKS}
    return {
        name: json.loads(stamp.read_text(encoding="utf-8"))["onnx_form"]
        for name, stamp in stamps.items()
        if stamp.exists()
    }


def digest(about: object, packages: Sequence[str], files: Sequence[Path]) -> str:
    """Of everything that the forms of a model depend on.

    Args:
        about: what else they depend on, as JSON has it.
        packages: that make them, beside our own.
        files: that make them, beside our own.
    """
    sources = list(files)
    for folder in (ROOT / "model_export", ROOT / "functions" / "tflite_serving" / "contract"):
        sources += sorted(folder.rglob("*.py"))
    versions = [f"{package} {metadata.version(package)}" for package in packages]
    parts = [about, versions, [path.read_text(encoding="utf-8") for path in sources]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(name: str) -> str:
    onnx = HERE / "onnx_export"
    files = [
        HERE / "networks.py",
        HERE / "photos.py",
        onnx / "convert.py",
        onnx / "requirements.txt",
    ]
    return digest(_SECTIONS[name], _PACKAGES, files)


def _make(name: str, folder: Path, progress: Progress) -> dict[str, str]:
    with progress.step(f"train {name}"):
        command_output([sys.executable, "-m", "benchmarks.serving.networks", name, str(folder)])
    with progress.step(f"export {name}") as step:
        command_output([sys.executable, "-m", "model_export", "export", str(_recipe(name, folder))])
        version = read_named_alias(open_registry(REGISTRY.as_uri()), name, _ALIAS).version
        step.result = version
    with progress.step(f"ONNX {name}") as step:
        python = environments.program("onnx_export", "python")
        said = command_output([python, str(HERE / "onnx_export" / "convert.py"), str(folder)])
        step.result = said.splitlines()[-1]
    return {"version": version, "onnx_form": step.result}


def _recipe(name: str, folder: Path) -> Path:
    document = {
        "model": {"name": name, "source": str(folder / "model.keras")},
        "data": {"source": NETWORKS[name].source},
        "publish": {"registry": REGISTRY.as_uri(), "alias": _ALIAS},
        **_SECTIONS[name],
    }
    path = folder / "recipe.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def command_output(command: list[str]) -> str:
    """What a command writes to stdout; raises `RuntimeError` with its last words if it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{process.stderr[-4000:]}")
    return process.stdout
