"""Seconds from the start of a fresh process to its first right answer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.serving.bucket import Bucket, BucketMissing, running_bucket
from benchmarks.serving.environments import ROOT, WORK
from benchmarks.serving.models import REGISTRY, Model
from benchmarks.serving.questions import ask
from benchmarks.serving.run import Run
from benchmarks.serving.server import SubjectFailed, new_port, running
from benchmarks.serving.subjects import (
    ASGI,
    IMPORTING,
    SUBJECTS,
    Start,
    Subject,
    functions_framework,
)

CASE = "digits"
BAKED, BUCKET = "asgi-baked", "asgi-bucket"
_STARTS_PER_ROUND = 2


def run(run: Run) -> None:
    """Starts every subject, one after the other, twice a round; one start before does not count.

    The disk is warm then, and modules are compiled.
    """
    model = run.model("digits")
    with ExitStack() as stack, run.progress.step("cold start") as step:
        subjects = [*run.subjects, *_variants(run, model, stack)]
        turns = [subject for _ in range(1 + _STARTS_PER_ROUND * run.rounds) for subject in subjects]
        for done, subject in enumerate(turns):
            step.advance(done / len(turns))
            if not run.gave_up(CASE, subject.key):
                with run.turn(CASE, subject.key, subject.title):
                    seconds = _start(subject, model)
                    if done >= len(subjects):
                        run.add(CASE, subject.key, seconds=seconds)


def _start(subject: Subject, model: Model) -> float:
    question, port = ask(model, subject.protocol), new_port()
    with running(subject.start(model, port), port) as server:
        return server.cold_start(question)


def variants() -> tuple[Subject, ...]:
    """Who else is started: the imports alone, and the function with its models from elsewhere."""
    ours = next(subject for subject in SUBJECTS if subject.key == ASGI)
    return (
        IMPORTING,
        replace(ours, key=BAKED, title=f"{ours.title}, baked bundle"),
        replace(ours, key=BUCKET, title=f"{ours.title}, from a bucket"),
    )


def _variants(run: Run, model: Model, stack: ExitStack) -> Iterator[Subject]:
    if not run.has(ASGI):
        return
    importing, baked, bucket = variants()
    yield importing
    with run.turn(CASE, BAKED, baked.title):
        folder = stack.enter_context(_baked(model))
        yield replace(baked, start=_from_bundle(folder))
    try:
        server = stack.enter_context(running_bucket(REGISTRY, model.name))
    except BucketMissing as missing:
        run.notes.append(f"{bucket.title}: {missing}")
        return
    caches = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="caches-", dir=WORK)))
    yield replace(bucket, start=_from_bucket(server, caches))


@contextmanager
def _baked(model: Model) -> Iterator[Path]:
    """What would be deployed, unpacked: `model_export bundle --bake`."""
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=WORK) as folder:
        command = [sys.executable, "-m", "model_export", "bundle", "--output", folder]
        command += ["--bake", model.name, "--registry", REGISTRY.as_uri()]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if process.returncode:
            raise SubjectFailed(f"the bundle cannot be baked: {process.stderr.strip()}")
        (bundle,) = Path(folder).glob("function-*.zip")
        unpacked = Path(folder) / "function"
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(unpacked)
        yield unpacked


def _from_bundle(folder: Path) -> Callable[[Model, int], Start]:
    return lambda model, port: functions_framework(folder / "main.py", "predict", port)


def _from_bucket(server: Bucket, caches: Path) -> Callable[[Model, int], Start]:
    def start(model: Model, port: int) -> Start:
        settings = {
            "MODEL_REGISTRY": server.registry,
            "MODELS": model.name,
            "STORAGE_EMULATOR_HOST": server.url,
            # A new one each time: an instance that starts has nothing on its disk.
            "MODEL_CACHE": tempfile.mkdtemp(dir=caches),
        }
        return functions_framework(ROOT / "functions" / "main.py", "predict", port, settings)

    return start
