"""The main job from end to end: train, export, publish, serve, ask over HTTP, stop.

    python -m examples.digits.demo --folder build/demo

What a former run left in the folder is used again if nothing that it depends on has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import requests
from rich import box
from rich.console import Console
from rich.table import Table

from examples.digits import train
from model_export import provenance, show
from model_export.data import load_splits
from model_export.errors import ExportError, RegistryError
from model_export.native_logs import native_logs_held_back
from model_export.progress import Progress
from model_export.recipe import Recipe, read_recipe
from model_export.registry.opening import open_writable
from model_export.registry.verbs import read_named_alias, read_version
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import Manifest

_HERE = Path(__file__).resolve().parent
_FUNCTION = _HERE.parent.parent / "functions" / "main.py"
_START_SECONDS = 30.0
_SHADES = " ░▒▓█"


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("build/demo"))
@click.option("--count", default=8, help="How many held-out digits to send.")
@click.option("--epochs", default=train.EPOCHS, help="Passes over the training split.")
def main(folder: Path, count: int, epochs: int) -> None:
    """Runs the whole road once, in FOLDER."""
    console = show.console()
    folder = folder.resolve()
    try:
        _heading(console, "train")
        _train(folder, epochs, console)
        _heading(console, "export")
        manifest = _export(folder, console)
        show.print_candidates(manifest, console)
    except ExportError as error:
        console.print(f"error: {error}", markup=False)
        sys.exit(error.exit_code)
    _heading(console, "serve")
    with _function(folder, console) as url:
        wrong = _ask(url, manifest, count, console)
    _heading(console, "done")
    _say_where(folder, manifest, console)
    # The published accuracy allows for a wrong digit, not for many.
    sys.exit(1 if wrong > count // 2 else 0)


def _heading(console: Console, title: str) -> None:
    console.print(f"\n{title}", style="bold")


def _train(folder: Path, epochs: int, console: Console) -> None:
    model, stamp = folder / "digits.keras", folder / "digits.stamp"
    inputs = hashlib.sha256(Path(train.__file__).read_bytes()).hexdigest() + f" {epochs}"
    if model.exists() and stamp.exists() and stamp.read_text() == inputs:
        console.print(f"reused {os.path.relpath(model)}: train.py has not changed")
        return
    # TensorFlow's own progress bar goes to stdout, its chatter to stderr.
    with native_logs_held_back():
        train.train(model, epochs, verbose=1 if console.is_terminal else 2)
    stamp.write_text(inputs)


def _export(folder: Path, console: Console) -> Manifest:
    recipe = read_recipe(_HERE / "recipe.toml", [f'model.source="{folder / "digits.keras"}"'])
    registry = str(folder / "registry")
    published = _published(recipe, registry)
    if published is not None:
        console.print(
            f"reused {published.version}: same model, recipe, data and packages "
            "(`make clean` to start over)"
        )
        return published
    with native_logs_held_back():
        from model_export.pipeline import Request, export

        request = Request(
            recipe=recipe,
            folder=_HERE,
            registry=registry,
            work=folder,
            command="python -m model_export export examples/digits/recipe.toml",
        )
        return export(request, Progress(console)).manifest


def _published(recipe: Recipe, registry: str) -> Manifest | None:
    """What the alias names, if this recipe would make the same again."""
    assert recipe.publish.alias is not None
    try:
        store = open_writable(registry)
        alias = read_named_alias(store, recipe.model.name, recipe.publish.alias)
        manifest = read_version(store, recipe.model.name, alias.version)
    except RegistryError:
        return None
    splits = load_splits(recipe.data.source, _HERE).named(
        tuple(spec.name for spec in manifest.inputs)
    )
    now = provenance.describe(_HERE, Path(recipe.model.source), recipe.sha256, splits.sha256)
    before = manifest.provenance
    same = (
        now.source_sha256 == before.source_sha256
        and now.recipe_sha256 == before.recipe_sha256
        and now.data_sha256 == before.data_sha256
        and now.packages == before.packages
    )
    return manifest if same else None


@contextmanager
def _function(folder: Path, console: Console) -> Iterator[str]:
    """The function under functions-framework, on a free port, for as long as the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--source", str(_FUNCTION)]
    command += ["--target", "predict", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": "digits"}
    log = folder / "function.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_listens(process, port, log)
        console.print(f"functions-framework answers on {url}, logs to {os.path.relpath(log)}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)
        console.print("stopped")


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise click.ClickException(f"the function did not start; its log:\n{log.read_text()}")


def _ask(url: str, manifest: Manifest, count: int, console: Console) -> int:
    """Sends held-out digits, shows what came back, and counts the wrong answers."""
    images, labels = train.splits()["test"]
    table = Table(box=box.SIMPLE)
    for column in ("sent", "came back", "truth", ""):
        table.add_column(column)
    table.add_column("latency", justify="right")
    wrong = 0
    session = requests.Session()
    for index in range(count):
        answer, milliseconds = _predict(session, url, images[index])
        right = answer["label"] == str(labels[index])
        wrong += not right
        table.add_row(
            _picture(images[index]),
            f"{answer['label']}  ({answer['score']:.3f})",
            str(labels[index]),
            "✓" if right else "✗",
            f"{milliseconds:.1f} ms" + ("  cold" if index == 0 else ""),
            end_section=True,
        )
    console.print(table)
    rest = [_predict(session, url, image)[1] for image in images[: 20 * count]]
    console.print(
        f"{len(rest)} more, one after the other: p50 {np.percentile(rest, 50):.2f} ms, "
        f"p99 {np.percentile(rest, 99):.2f} ms over HTTP"
    )
    console.print(
        f"accuracy of the published model on the test split: {manifest.quality.published:.4f} "
        f"(Keras: {manifest.quality.reference:.4f})"
    )
    return wrong


def _predict(
    session: requests.Session, url: str, image: npt.NDArray[np.float32]
) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    response = session.post(f"{url}/predict", json={"instances": [image.tolist()]}, timeout=60)
    milliseconds = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise click.ClickException(f"{response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer, milliseconds


def _picture(image: npt.NDArray[np.float32]) -> str:
    """Four lines of eight characters, twice as wide as high like the terminal's own."""
    halves = image.reshape(4, 2, 8).mean(axis=1)
    shades = np.rint(halves * (len(_SHADES) - 1)).astype(int)
    return "\n".join("".join(_SHADES[shade] for shade in row) for row in shades)


def _say_where(folder: Path, manifest: Manifest, console: Console) -> None:
    artifact = folder / "registry" / layout.version_folder(manifest.name, manifest.version)
    for what, path in {
        "artifact": artifact,
        "manifest": artifact / "manifest.json",
        "report": artifact / "report.html",
        "alias": folder / "registry" / layout.alias_path(manifest.name, "production"),
    }.items():
        console.print(f"{what:9} {os.path.relpath(path)}", soft_wrap=True)
    request = folder / "digit.json"
    request.write_text(json.dumps({"instances": train.splits()["test"][0][:1].tolist()}))
    console.print("\nserve it   make serve")
    console.print(
        "ask it     curl -H 'Content-Type: application/json' "
        f"-d @{os.path.relpath(request)} localhost:8080/predict",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
