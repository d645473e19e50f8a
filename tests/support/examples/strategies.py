"""Hypothesis strategies: whole valid documents, and JSON of any kind.

Importing this makes every property test try the same examples each time; with
``HYPOTHESIS_PROFILE=default`` they are new ones.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from hypothesis import strategies as st

from tflite_serving.contract.alias import AliasChange, AliasDocument, Share
from tflite_serving.contract.evidence import (
    Candidate,
    Compression,
    FloatOperator,
    Latency,
    OutputQuality,
    Provenance,
    PrunedLayer,
    Pruning,
    Quality,
    Recommended,
    Resources,
    Runtime,
)
from tflite_serving.contract.image import METHODS, Image, Mode, Resize
from tflite_serving.contract.manifest import MODEL_FILE, FileEntry, Manifest, content_digest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import (
    Activation,
    ClientDType,
    InputSpec,
    OutputSpec,
    Preprocess,
    PreprocessKind,
    Task,
    TensorBinding,
    TensorDType,
    Tensors,
)
from tflite_serving.contract.versions import is_version

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.floats(0, 1)
counts = st.integers(0, 10**12)
NO: st.SearchStrategy[bool] = st.just(False)  # noqa: FBT003  # nothing else could be meant
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(
    lambda name: not is_version(name)
)
version_ids = st.from_regex(r"20[0-9]{2}[01][0-9][0-3][0-9]T[0-9]{6}Z-[0-9a-f]{8}", fullmatch=True)
timestamps = st.datetimes(timezones=st.timezones()).map(
    lambda moment: moment.isoformat(timespec="seconds")[:19] + "Z"
)
latencies = st.builds(Latency, numbers, numbers)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([2**63, 2**64 - 1, -(2**63), 255, 256, -1, 1e39, 0.5]),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)
"""What Python's json reads: also NaN, infinities and halves of surrogate pairs."""


@st.composite
def shapes(draw: st.DrawFn, rank: int = 4) -> tuple[int | None, ...]:
    return (None, *draw(st.lists(st.none() | st.integers(1, 300), max_size=rank - 1)))


@st.composite
def bindings(draw: st.DrawFn, name: str) -> TensorBinding:
    dtype = draw(st.sampled_from(get_args(TensorDType)))
    scale = zero_point = None
    if dtype in {"int8", "uint8", "int16"} and draw(st.booleans()):
        scale = draw(st.floats(1e-6, 1e6))
        zero_point = draw(st.integers(0, 127))
    return TensorBinding(name, draw(texts), dtype, draw(shapes()), scale, zero_point)


@st.composite
def outputs(draw: st.DrawFn, name: str) -> OutputSpec:
    task = draw(st.sampled_from(get_args(Task)))
    shape, labels = draw(shapes()), None
    thresholds: tuple[float, ...] | None = None
    if task == "multi_label" or (task != "regression" and draw(st.booleans())):
        named = draw(st.lists(texts, min_size=2, max_size=5, unique=True))
        shape, labels = (None, len(named)), tuple(named)
    if task == "classification" and draw(st.booleans()):
        shape, labels, thresholds = (None, 1), labels and labels[:2], (draw(fractions),)
    if labels is not None and task == "multi_label":
        thresholds = tuple(draw(fractions) for _ in labels)
    activation = draw(st.sampled_from(get_args(Activation)))
    return OutputSpec(
        name,
        draw(st.sampled_from(get_args(ClientDType))),
        shape,
        labels,
        "sigmoid" if task == "multi_label" else activation,
        draw(texts),
        task,
        thresholds,
        draw(texts) if task == "regression" else "",
    )


resizes = st.builds(
    Resize,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    method=st.sampled_from(METHODS["keras"]),
    antialias=st.booleans(),
    fit=st.sampled_from(["stretch", "crop"]),
) | st.builds(
    Resize,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    by=st.just("pil"),
    method=st.sampled_from(METHODS["pil"]),
    fit=st.sampled_from(["stretch", "crop"]),
)


@st.composite
def pictures(draw: st.DrawFn, name: str) -> InputSpec:
    image = Image(
        mode=draw(st.sampled_from(get_args(Mode))),
        resize=draw(st.none() | resizes),
        scale=draw(st.floats(1e-3, 10)),
        offset=draw(numbers),
        exif_orientation=draw(st.booleans()),
    )
    size = (None, None) if image.resize else draw(st.sampled_from([(None, None), (8, 9)]))
    shape = (None, *size, image.channels)
    return InputSpec(name, "float32", shape, Preprocess("image", image), draw(texts), draw(texts))


@st.composite
def other_inputs(draw: st.DrawFn, name: str) -> InputSpec:
    kinds = [kind for kind in get_args(PreprocessKind) if kind not in ("image", "record")]
    return InputSpec(
        name,
        draw(st.sampled_from(get_args(ClientDType))),
        draw(shapes()),
        Preprocess(draw(st.sampled_from(kinds))),
        draw(texts),
        draw(texts),
    )


values: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "bool": st.booleans(),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
}


@st.composite
def records(draw: st.DrawFn, name: str) -> InputSpec:
    dtype: ClientDType = draw(st.sampled_from(["string", "bool", "float32", "int64"]))
    missing = st.none() | values[dtype]
    columns = (
        ()
        if dtype == "string"
        else tuple(
            Column(f"{name}.{index}", draw(missing), draw(texts), draw(texts))
            for index in range(draw(st.integers(0, 3)))
        )
    )
    record = Record(columns, None if columns else draw(missing))
    shape: tuple[int | None, ...] = (None, len(columns)) if columns else (None,)
    preprocess = Preprocess("record", record=record if draw(st.booleans()) or columns else None)
    return InputSpec(name, dtype, shape, preprocess, draw(texts), draw(texts))


prunings = st.builds(
    Pruning,
    method=texts,
    sparsity=fractions,
    scope=texts,
    block=st.tuples(counts, counts),
    schedule=texts,
    epochs=counts,
    distilled=st.booleans(),
    layers=st.lists(st.builds(PrunedLayer, texts, fractions), max_size=3).map(tuple),
)
intervals = st.tuples(numbers, numbers)
operators = st.builds(
    FloatOperator,
    texts,
    st.none() | texts,
    texts,
    st.sampled_from(["quality", "speed", "range"]),
    st.none() | numbers,
)


def candidates_named(name: str, *, chosen: bool) -> st.SearchStrategy[Candidate]:
    """Candidates of one name."""
    return st.builds(
        Candidate,
        name=st.just(name),
        variant=texts,
        bytes=counts,
        gzip_bytes=counts,
        sparsity=fractions,
        quality=numbers,
        drop=numbers,
        drop_interval_95=intervals,
        agreement=st.none() | fractions,
        worst_class_drop=st.none() | numbers,
        calibration_error=st.none() | fractions,
        latency_ms=latencies,
        batch_latency_ms=latencies,
        cold_load_ms=numbers,
        peak_rss_mib=numbers,
        kept_in_float=st.lists(operators, max_size=2).map(tuple),
        outputs=st.lists(
            st.builds(
                OutputQuality,
                *(texts, texts, st.booleans(), numbers, numbers, numbers, intervals),
                *(st.none() | fractions, st.none() | numbers, st.none() | fractions),
            ),
            min_size=1,
            max_size=2,
        ).map(tuple),
        passes=st.booleans(),
        chosen=st.just(chosen),
        why_not=st.none() | texts,
    )


@st.composite
def compressions(draw: st.DrawFn) -> Compression:
    variants = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    candidates = tuple(
        draw(candidates_named(variant, chosen=index == 0)) for index, variant in enumerate(variants)
    )
    return Compression(
        variants[0], candidates, draw(counts), draw(counts), draw(st.none() | prunings)
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Every field, and every choice within it."""
    input_names = draw(st.lists(printable, min_size=1, max_size=3, unique=True))
    output_names = draw(st.lists(printable, min_size=1, max_size=3, unique=True))
    extra = draw(st.sets(st.sampled_from(["report.html", "labels/en.txt", "größe.txt"])))
    files = {
        path: draw(st.builds(FileEntry, hexes, counts, st.booleans() if path in extra else NO))
        for path in sorted({MODEL_FILE, "golden.npz", *extra})
    }
    digest = content_digest(files)
    answered = tuple(draw(outputs(name)) for name in output_names)
    return Manifest(
        name=draw(names),
        version=f"{draw(version_ids)[:16]}-{digest[:8]}",
        created_at=draw(timestamps),
        content_digest=digest,
        task=answered[0].task,
        files=files,
        inputs=tuple(
            draw(draw(st.sampled_from([pictures, records, other_inputs]))(name))
            for name in input_names
        ),
        outputs=answered,
        tensors=Tensors(
            tuple(draw(bindings(name)) for name in input_names),
            tuple(draw(bindings(name)) for name in output_names),
            draw(texts),
        ),
        compression=draw(compressions()),
        quality=draw(
            st.builds(
                Quality,
                metric=texts,
                lower_is_better=st.booleans(),
                dataset=texts,
                examples=counts,
                reference=numbers,
                published=numbers,
                drop=numbers,
                drop_interval_95=intervals,
                interval_method=texts,
            )
        ),
        runtime=draw(st.builds(Runtime, texts, texts, st.lists(texts, max_size=3).map(tuple))),
        resources=draw(
            st.builds(
                Resources,
                numbers,
                numbers,
                latencies,
                st.builds(Recommended, counts, numbers, counts, counts),
            )
        ),
        golden="golden.npz",
        provenance=draw(
            st.builds(
                Provenance,
                hexes,
                hexes,
                hexes,
                st.dictionaries(texts, texts, max_size=3),
                st.none() | texts,
                texts,
            )
        ),
    )


shares = st.builds(Share, version_ids, st.floats(0, 100))
aliases = st.builds(
    AliasDocument,
    model=names,
    alias=names,
    version=version_ids,
    canary=st.none() | shares,
    shadow=st.none() | shares,
    history=st.lists(st.builds(AliasChange, version_ids, timestamps, texts, texts), max_size=4).map(
        tuple
    ),
)


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """The JSON document with one to three values replaced, removed or added somewhere."""
    document: Any = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        parents = list(_containers(document))
        parent = draw(st.sampled_from(parents))
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        action = draw(st.sampled_from(["replace", "delete", "insert"]))
        if action == "insert" or not keys:
            _insert(parent, draw(st.text(max_size=5)), draw(json_values))
        elif action == "delete":
            del parent[draw(st.sampled_from(keys))]
        else:
            parent[draw(st.sampled_from(keys))] = draw(json_values)
    return json.dumps(document)


def _containers(value: Any) -> list[Any]:
    if not isinstance(value, (dict, list)):
        return []
    members = value.values() if isinstance(value, dict) else value
    return [value, *(found for member in members for found in _containers(member))]


def _insert(parent: Any, key: str, value: Any) -> None:
    if isinstance(parent, dict):
        parent[key] = value
    else:
        parent.append(value)
