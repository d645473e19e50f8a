"""Client of the function: sends examples in process or over HTTP, and reads predictions."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from model_export.dataset.image_encoding import as_json
from model_export.errors import ParityError, RegistryError
from model_export.verification.predictions import Answers, read_answers
from tflite_serving.artifacts.opening import open_store
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays, InputSpec
from tflite_serving.http.messages import RequestHead
from tflite_serving.service.service import Service
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

Post = Callable[[str, bytes], tuple[int, bytes]]
"""Asks a function: the path and the body, JSON, to the status and the answer's body."""

_BATCH = 64
_BATCH_BYTES = 4 * 2**20
_MOST_BYTES = 2**31 - 1
_TIMEOUT_SECONDS = 120.0
_LONGEST_TOLD = 500  # characters of an answer
_BUSY = (429, 502, 503, 504)
"""It may answer if it is asked again: it starts, loads, or has too much to do."""

_NOT_SERVED = (401, 403, 404, *_BUSY)
"""What says nothing about the questions: they did not come to the model."""

_RETRIES = Retry(
    connect=0,
    read=0,
    other=0,
    status=4,
    status_forcelist=_BUSY,
    allowed_methods=None,
    backoff_factor=0.5,
    raise_on_status=False,
    retry_after_max=30,
)


def ask(
    manifest: Manifest,
    inputs: Arrays,
    post: Post,
    advance: Callable[[float], None] = lambda fraction: None,
    batch: int = _BATCH,
) -> Answers:
    """Asks all questions.

    Args:
        manifest: of the version that must answer.
        inputs: by input name, [questions, …], as the manifest describes them.
        post: asks the function.
        advance: told how much of the work is done, 0 to 1.
        batch: questions in one request at most; fewer where they are large.

    Raises:
        OtherVersionError: another version answers.
        ParityError: the function refuses a question, or contradicts itself.
    """
    instances = instances_of(manifest, inputs)
    if any(spec.preprocess.image and None in spec.shape[1:] for spec in manifest.inputs):
        batch = 1  # photos: several of them may be too large for one request
    answered = []
    done = 0
    for asked in _batches(instances, batch):
        status, body = post(f"/models/{manifest.name}/predict", _body(asked))
        if status != 200:
            raise ParityError(f"{manifest.name}: the function answered {_told(status, body)}")
        answers = read_answers(manifest, body)
        if len(answers) != len(asked):
            raise ParityError(
                f"{manifest.name}: expected {len(asked)} predictions, got {len(answers)}"
            )
        answered.append(answers)
        done += len(asked)
        advance(done / len(instances))
    return _joined(answered)


def body_of(instances: list[Any]) -> bytes:
    """The request of the simple dialect that asks about instances."""
    return _body([_dumps(instance) for instance in instances])


def _body(instances: list[bytes]) -> bytes:
    return b'{"instances":[%b]}' % b",".join(instances)


def _batches(instances: list[Any], most: int) -> Iterator[list[bytes]]:
    """The JSON of instances, as many at a time as one request may have."""
    batch: list[bytes] = []
    for instance in map(_dumps, instances):
        if len(batch) == most or sum(map(len, batch), len(instance)) > _BATCH_BYTES:
            if batch:
                yield batch
            batch = []
        batch.append(instance)
    yield batch


def _dumps(instance: Any) -> bytes:
    return orjson.dumps(instance, option=orjson.OPT_SERIALIZE_NUMPY)


def _told(status: int, body: bytes) -> str:
    return f"{status}: {body.decode(errors='replace')[:_LONGEST_TOLD]}"


def instances_of(manifest: Manifest, inputs: Arrays) -> list[Any]:
    """Each question as it stands in JSON.

    Args:
        manifest: describes the inputs.
        inputs: by input name, [questions, …].
    """
    columns: dict[str, list[Any]] = {}
    for spec in manifest.inputs:
        values = inputs[spec.name]
        if spec.fields == (spec,):
            columns[spec.name] = _as_json(spec, values)
            continue
        for field, column in zip(spec.fields, values.T, strict=True):
            columns[field.name] = list(column)
    if len(columns) == 1:
        return next(iter(columns.values()))
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _as_json(spec: InputSpec, values: npt.NDArray[Any]) -> list[Any]:
    if spec.preprocess.kind == "image":
        return as_json(values)
    # orjson writes numbers from numpy's memory, and takes numpy's strings for none.
    return values.tolist() if values.dtype.kind == "U" else list(values)


def in_process(registry: str, manifest: Manifest, cache: Path) -> Post:
    """Asks the function's own service in this process.

    Args:
        registry: URI of it.
        manifest: of the version to load.
        cache: folder for what is downloaded.

    Returns:
        what asks it; of a fault, it gives what the function writes into its log.

    Raises:
        RegistryError: the function would not serve it; the message is its log's.
    """
    environment = {
        "MODEL_REGISTRY": registry,
        "MODELS": f"{manifest.name}@{manifest.version}",
        "MODEL_CACHE": str(cache),
        "MAX_REQUEST_BYTES": str(_MOST_BYTES),  # a large tensor is asked about in JSON, too
        "LOG_LEVEL": "ERROR",
    }
    settings, lines = Settings.from_env(environment), io.BytesIO()
    log = Log(lines, "ERROR")
    service = Service(
        settings, Catalog(settings, open_store(registry, environ=os.environ), log), log
    )
    service.load()
    if lines.getvalue():
        raise RegistryError(orjson.loads(lines.getvalue().splitlines()[0])["message"])

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        head = RequestHead("POST", path, headers={"content-type": "application/json"})
        with service.open(head) as exchange:
            response = exchange.answer(body)
        if response.status == 500:
            entry = orjson.loads(lines.getvalue().splitlines()[-1])
            return 500, entry.get("stack_trace", entry["message"])[-_LONGEST_TOLD:].encode()
        return response.status, response.body

    return post


def _reason(error: BaseException) -> BaseException:
    """What the network said, under all that the libraries say about it."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def over_http(url: str, token: str | None = None) -> Post:
    """Asks a function that runs somewhere; if it is busy, a few times.

    Args:
        url: of it.
        token: identity token to show; None for none.

    Returns:
        what raises `RegistryError` if the function does not answer, or serves no such model.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
    session.headers["Content-Type"] = "application/json"
    if token:
        session.headers["Authorization"] = f"Bearer {token}"

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        try:
            response = session.post(
                url.rstrip("/") + path,
                data=body,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,  # which would make a GET of it
            )
        except requests.RequestException as error:
            raise RegistryError(f"{url}: the function does not answer: {_reason(error)}") from None
        if response.is_redirect:
            target = response.headers["Location"]
            raise RegistryError(f"{url}: expected the function, got a redirection to {target}")
        if response.status_code in _NOT_SERVED:
            told = _told(response.status_code, response.content)
            lacks = response.status_code in (401, 403) and token is None
            raise RegistryError(
                f"{url}: the function does not serve this: {told}"
                + ("; it may want an identity token" if lacks else "")
            )
        return response.status_code, response.content

    return post


def _joined(answered: list[Answers]) -> Answers:
    first = answered[0]
    return Answers(
        {name: np.concatenate([each.values[name] for each in answered]) for name in first.values},
        {
            name: tuple(labels for each in answered for labels in each.labels[name])
            for name in first.labels
        },
    )
