"""Texts of several lengths to a BERT: in buckets, filled up to the maximum, and elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from benchmarks.serving import environments
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.environments import HERE, PEERS, ROOT, WORK
from benchmarks.serving.models import REGISTRY, command_output, digest
from benchmarks.serving.questions import Question
from benchmarks.serving.run import Run
from benchmarks.serving.server import new_port, serving
from benchmarks.serving.subjects import ASGI, FASTAPI, Start, functions_framework, uvicorn
from benchmarks.serving.throughput import steady
from benchmarks.serving.transformer import BATCHES, LENGTHS
from model_export import Progress, open_registry, read_named_alias, read_version

PART = "texts"
PADDED = "padded"
TITLES = {
    ASGI: "tflite-functions, in buckets",
    PADDED: "tflite-functions, filled up to the maximum",
    FASTAPI: "FastAPI + ONNX Runtime + tokenizers",
}
CONNECTIONS = (1, 8)
_ALIAS = "production"
_BUCKETS = {"bert": list(LENGTHS[:-1]), "bert_padded": []}
_PACKAGES = ("keras", "keras-hub", "tensorflow", "ai-edge-litert", "litert-quantizer")
_WARM_UP_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Bert:
    """The model in both forms, with its questions.

    Attributes:
        folder: with ``model.onnx`` and ``tokenizer.json``.
        onnx_form: "float32" or "dynamic int8".
        form: of what our export chose.
    """

    folder: Path
    onnx_form: str
    form: str

    def question(self, length: int, batch: int) -> Question:
        """So many texts of so many tokens each."""
        asked = json.loads((self.folder / "texts.json").read_text(encoding="utf-8"))[str(length)]
        body = json.dumps({"instances": asked["texts"][:batch]}).encode()
        return Question("instances", "/predict", "application/json", body, asked["label"])


def case_name(length: int, batch: int, connections: int) -> str:
    """As measurements have it."""
    return f"{length} tokens, batch {batch}, c={connections}"


def run(run: Run) -> None:
    """Loads the function in both forms and FastAPI, round after round."""
    if not run.has(ASGI):
        return
    bert = _made(run.progress)
    keys = [ASGI, PADDED, *([FASTAPI] if run.has(FASTAPI) else [])]
    turns = [(key, turn) for turn in range(run.rounds) for key in keys]
    with run.progress.step(PART) as step:
        for done, (key, _) in enumerate(turns):
            step.advance(done / len(turns))
            if not run.gave_up(PART, key):
                with run.turn(PART, key, TITLES[key]):
                    _measure(run, bert, key)
        step.result = f"ours {bert.form}, ONNX Runtime {bert.onnx_form}"


def _measure(run: Run, bert: Bert, key: str) -> None:
    port = new_port()
    first = bert.question(LENGTHS[0], BATCHES[0])
    with serving(_start(bert, key, port), port, first) as server:
        for length in LENGTHS:
            for batch in BATCHES:
                question = bert.question(length, batch)
                url = server.url(question)
                closed_loop(url, question, CONNECTIONS[-1], _WARM_UP_SECONDS)
                for connections in CONNECTIONS:
                    load, _ = steady(server, question, connections, run.seconds)
                    run.add(
                        case_name(length, batch, connections),
                        key,
                        per_second=load.per_second,
                        p50_ms=load.p50_ms,
                        p99_ms=load.p99_ms,
                    )


def _start(bert: Bert, key: str, port: int) -> Start:
    if key == FASTAPI:
        settings = {
            "MODEL": str(bert.folder / "model.onnx"),
            "TOKENIZER": str(bert.folder / "tokenizer.json"),
        }
        return uvicorn("fastapi_tokenizers", port, settings)
    settings = {
        "MODEL_REGISTRY": REGISTRY.as_uri(),
        "MODELS": "bert" if key == ASGI else "bert_padded",
    }
    return functions_framework(ROOT / "functions" / "main.py", "predict", port, settings)


def _made(progress: Progress) -> Bert:
    """The model, which is built, published and converted if no former run did."""
    folder = WORK / "models" / "bert"
    stamp, now = folder / "stamp.json", _digest()
    if not stamp.exists() or json.loads(stamp.read_text(encoding="utf-8"))["digest"] != now:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with progress.step("build bert"):
            command_output([sys.executable, "-m", "benchmarks.serving.transformer", str(folder)])
        for name in _BUCKETS:
            with progress.step(f"export {name}"):
                recipe = _recipe(name, folder)
                command_output([sys.executable, "-m", "model_export", "export", str(recipe)])
        with progress.step("ONNX bert") as step:
            python = environments.program("onnx_export", "python")
            script = str(HERE / "onnx_export" / "convert_transformer.py")
            step.result = command_output([python, script, str(folder)]).splitlines()[-1]
        facts = {"digest": now, "onnx_form": step.result, "form": _form()}
        stamp.write_text(json.dumps(facts), encoding="utf-8")
    facts = json.loads(stamp.read_text(encoding="utf-8"))
    return Bert(folder, facts["onnx_form"], facts["form"])


def _form() -> str:
    store = open_registry(REGISTRY.as_uri())
    version = read_named_alias(store, "bert", _ALIAS).version
    return read_version(store, "bert", version).compression.quantization


def _recipe(name: str, folder: Path) -> Path:
    document = {
        "model": {"name": name, "source": str(folder / "model.keras")},
        "data": {"source": str(folder / "data.npz")},
        "sequence": {"buckets": _BUCKETS[name]},
        "quantize": {"variants": ["float32", "dynamic_int8"]},
        # What random weights answer is neither right nor wrong: speed alone is of interest.
        "gate": {"max_drop": 1.0},
        "measure": {"rounds": 3, "starts": 1},
        "publish": {"registry": REGISTRY.as_uri(), "alias": _ALIAS},
    }
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def _digest() -> str:
    onnx, peer = HERE / "onnx_export", PEERS / "fastapi_tokenizers"
    files = [HERE / "transformer.py", onnx / "convert_transformer.py"]
    files += [folder / "requirements.txt" for folder in (onnx, peer)]
    return digest(_BUCKETS, _PACKAGES, files)
