"""Each example from raw input to label, as its recipe chooses and in float32, against Keras."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.compression.document import Block, Table
from benchmarks.serving.environments import ROOT
from examples.run import COMPARISON, NAMES
from model_export import Progress

EXAMPLES = ROOT / "build" / "examples"
# As it was trained, so that nothing but the way to the model and back can make a difference.
_FLOAT32 = ("--set", 'quantize.variants=["float32"]', "--set", 'prune.method="none"')


class ExampleFailed(Exception):
    """An example did not end well; the message is what it said."""


def run(progress: Progress) -> list[Block]:
    """Runs all examples, and tells how far each is from Keras.

    Raises:
        ExampleFailed: one of them is not faithful to its model, or does not run.
    """
    rows = []
    for name in NAMES:
        with progress.step(name) as step:
            chosen = _compared(name, EXAMPLES / name)
            step.advance(0.5)
            float32 = chosen if chosen["form"] == "float32" else _in_float32(name)
            step.result = f"{chosen['form']}: {chosen['agreement']:.2%} of the labels agree"
        rows += (
            [_row(name, float32)] if chosen is float32 else [_row(name, float32), _row("", chosen)]
        )
    columns = ("example", "form", "asked", "same label", "largest", "mean")
    more = ("accuracy of Keras", "as served", "model, bytes", "p50 over HTTP, ms")
    return [Table((*columns, *more), tuple(rows), left=2)]


def publish(names: Sequence[str], progress: Progress) -> None:
    """Sees to it that examples are published, each in its folder below `EXAMPLES`."""
    for name in names:
        if not (EXAMPLES / name / COMPARISON).exists():
            with progress.step(name) as step:
                step.result = _compared(name, EXAMPLES / name)["form"]


def _in_float32(name: str) -> dict[str, Any]:
    folder = EXAMPLES / f"{name}-float32"
    folder.mkdir(exist_ok=True)
    for trained in (f"{name}.keras", f"{name}.stamp"):
        shutil.copy2(EXAMPLES / name / trained, folder / trained)
    return _compared(name, folder, *_FLOAT32)


def _compared(name: str, folder: Path, *settings: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "examples.run", name, "--folder", str(folder), *settings]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ExampleFailed(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))
    return found


def _row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{name}`" if name else "",
        f"`{found['form']}`",
        f"{found['examples']:,}",
        f"{found['agreement']:.2%}",
        f"{found['largest']:.2g}",
        f"{found['mean']:.2g}",
        f"{found['keras']:.4f}",
        f"{found['served']:.4f}",
        f"{found['model_bytes']:,}",
        f"{found['p50_ms']:.2f}",
    )
