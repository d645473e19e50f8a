"""Report documents of several kinds of models, made up but consistent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_encoding import thumbnail
from model_export.quality.classes import ClassChange, Confusion, ConfusionCount
from model_export.quality.score_calibration import Reliability, ReliabilityBin
from model_export.quality.thresholds import ThresholdCurve, ThresholdPoint
from model_export.report.document.output import ChangedExample, OutputReport, ValueChange, Values
from model_export.report.document.report import Budget, LayerCost, Report
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
)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "😀 $x^2$ emoji & dollars",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "averyveryverylongnamewithoutanyplacetobreak" * 4,
    "--> ]]> </svg></style></table> #010203 {{ 7*7 }}",
    "日本語のとても長いクラスの名前です" * 3,
    "tab\tand\nline\x00\x07",
)


def candidate(name: str, **fields: Any) -> Candidate:
    """One that passes; `fields` say what else it is."""
    plain: dict[str, Any] = {
        "variant": name.removesuffix("_mixed"),
        "bytes": 89_468,
        "gzip_bytes": 50_822,
        "sparsity": 0.49,
        "quality": 0.9778,
        "drop": 0.0037,
        "drop_interval_95": (-0.0051, 0.0125),
        "agreement": 0.9907,
        "worst_class_drop": 0.0185,
        "calibration_error": 0.0121,
        "latency_ms": Latency(0.0106, 0.0232),
        "batch_latency_ms": Latency(0.0712, 0.1042),
        "cold_load_ms": 8.31,
        "peak_rss_mib": 43.8,
        "why_not": None if fields.get("chosen") else "passes, but static_int8_mixed is smaller",
    }
    why_not = fields.get("why_not", plain["why_not"])
    plain["passes"] = why_not is None or why_not.startswith("passes")
    found = {**plain, **fields}
    figures = [each.name for each in dataclass_fields(OutputQuality) if each.name in found]
    only = OutputQuality(
        output="scores",
        metric="accuracy",
        lower_is_better=False,
        reference=0.9815,
        **{figure: found[figure] for figure in figures},
    )
    return Candidate(name=name, **{"outputs": (only,), **found})


def digits() -> Report:
    """Ten classes, seven candidates, mixed precision, pictures."""
    kept = (
        FloatOperator("digits/scores/Softmax", "scores", "SOFTMAX", "quality", 0.0213),
        FloatOperator(
            "digits/edges/Conv2D;digits/norm/batchnorm", "edges", "CONV_2D", "speed", None
        ),
    )
    candidates = (
        candidate("float32"),
        candidate(
            "float16", bytes=46_012, gzip_bytes=40_331, quality=0.9778,
            latency_ms=Latency(0.0108, 0.0241), sparsity=0.49,
        ),
        candidate(
            "weight_int8", bytes=27_190, gzip_bytes=16_801, quality=0.9741, drop=0.0074,
            latency_ms=Latency(0.0203, 0.0339),
        ),
        candidate(
            "weight_int4", bytes=17_300, gzip_bytes=9_804, quality=0.9463, drop=0.0352,
            latency_ms=Latency(0.0211, 0.0352), drop_interval_95=(0.0172, 0.0541),
            why_not="accuracy drops by 0.0352, 0.0152 over max_drop 0.02; "
            "p50 0.021 ms, 0.001 over max_latency_ms 0.02",
        ),
        candidate(
            "dynamic_int8", bytes=27_448, gzip_bytes=16_990, quality=0.9759,
            latency_ms=Latency(0.0149, 0.0301),
        ),
        candidate(
            "static_int8", bytes=26_120, gzip_bytes=16_233, quality=0.9593, drop=0.0222,
            latency_ms=Latency(0.0159, 0.0318), drop_interval_95=(0.0061, 0.0381),
            why_not="accuracy drops by 0.0222, 0.0022 over max_drop 0.02",
        ),
        candidate(
            "static_int8_mixed", bytes=28_040, gzip_bytes=17_528, quality=0.9759, drop=0.0056,
            latency_ms=Latency(0.0163, 0.0327), kept_in_float=kept, chosen=True,
        ),
    )  # fmt: skip
    labels = tuple(str(digit) for digit in range(10))
    return _report(
        "digits",
        candidates,
        labels,
        examples=540,
        verdict="static_int8_mixed: a third of the size, and 5 more of 540 test examples wrong.",
        budgets=(
            Budget(key="gate.max_drop", limit=0.02, value=0.0056, output="scores"),
            Budget(key="gate.max_class_drop", limit=0.05, value=0.0185, output="scores"),
            Budget(key="gate.max_bytes", limit=32_000, value=28_040),
            Budget(key="gate.max_latency_ms", limit=0.02, value=0.0163),
        ),
        changed=24,
        changed_total=31,
    )


def binary() -> Report:
    """One score, features instead of pictures, two candidates at almost the same place."""
    candidates = (
        candidate(
            "float32", bytes=1_812, quality=0.9, why_not="passes, but dynamic_int8 is faster"
        ),
        candidate("dynamic_int8", bytes=1_340, quality=0.9, chosen=True, sparsity=0.0),
    )
    report = _report("spam", candidates, ("ham", "spam"), examples=60, changed=2, changed_total=2)
    changed = tuple(
        replace(example, pictures={}, values={"words": "12", "sender": "missing", "…": "7 more"})
        for example in report.outputs[0].changed
    )
    curve = ThresholdCurve(
        metric="accuracy",
        points=tuple(
            ThresholdPoint(
                threshold=step / 100,
                reference=0.9 - abs(step / 100 - 0.4),
                published=0.89 - abs(step / 100 - 0.42),
                precision=0.5 + step / 200 if step < 90 else None,
                recall=1 - step / 100,
            )
            for step in range(101)
        ),
    )
    return replace(
        with_output(
            report,
            changed=changed,
            thresholds={"spam": 0.41},
            reference_thresholds={"spam": 0.5},
            threshold_curve=curve,
        ),
        compression=replace(report.compression, pruning=None),
    )


def regression() -> Report:
    """No classes, an error as the metric."""
    none: dict[str, Any] = dict.fromkeys(("agreement", "worst_class_drop", "calibration_error"))
    candidates = (
        candidate("float32", quality=2312.5, drop=0.0, drop_interval_95=(0.0, 0.0), **none),
        candidate(
            "static_int8", quality=2391.04, drop=78.54, drop_interval_95=(41.2, 121.8),
            bytes=28_040, latency_ms=Latency(0.0043, 0.0071), chosen=True, **none,
        ),
        candidate(
            "weight_int4", quality=3120.9, drop=808.4, bytes=18_040,
            why_not="rmse drops by 808.4000, 708.4000 over max_drop 100", **none,
        ),
    )  # fmt: skip
    report = _report(
        "prices", candidates, (), examples=1_200,
        budgets=(Budget(key="gate.max_drop", limit=100, value=78.54, output="scores"),),
    )  # fmt: skip
    quality = replace(
        report.quality, metric="rmse", lower_is_better=True, reference=2312.5, published=2391.04,
        drop=78.54, drop_interval_95=(41.2, 121.8), interval_method="bootstrap, 2000 resamples",
    )  # fmt: skip
    example = ChangedExample(
        id="test[7]", truth="250000 EUR", reference="243112 EUR", published="231871 EUR",
        reference_score=None, published_score=None, pictures={},
        values={"rooms": "3", "place": "52.1, 4.31"},
    )  # fmt: skip
    return replace(
        with_output(
            report, task="regression", units="EUR", confusion=None,
            reliability=None, classes=(), values=_values(), changed=(example,), changed_total=12,
            quality=_output_quality("scores", quality, None),
        ),
        task="regression", quality=quality,
    )  # fmt: skip


def several_labels() -> Report:
    """Labels that do not exclude one another."""
    candidates = (
        candidate("float32", quality=0.81),
        candidate("static_int8", bytes=28_040, quality=0.8, chosen=True),
    )
    topics = ("sport", "politics", "weather and everything else that falls from the sky")
    report = _report("news", candidates, topics, examples=90, changed=3, changed_total=3)
    first, *others = report.outputs[0].classes
    classes = (replace(first, reference_precision=1.0, published_precision=None), *others)
    text = "The minister said that the match would be played, whatever the weather. " * 4
    changed = tuple(
        replace(
            example, pictures={}, values={"text": text}, truth=", ".join(topics),
            reference=", ".join(topics[1:]), published="none of them", reference_score=None,
            published_score=None,
        )
        for example in report.outputs[0].changed
    )  # fmt: skip
    thresholds = dict(zip(topics, (0.5, 0.27, 0.911), strict=True))
    return replace(
        with_output(
            report, task="multi_label", confusion=None, classes=classes, thresholds=thresholds,
            reference_thresholds=dict.fromkeys(topics, 0.5),
            changed=changed,
        ),
        task="multi_label",
    )  # fmt: skip


def several_outputs(count: int = 8) -> Report:
    """More outputs than the page shows plots of, of all tasks."""
    made = [digits(), binary(), regression(), several_labels()]
    names = [f"output_{index}" for index in range(count)]
    outputs = tuple(
        replace(
            made[index % 4].outputs[0],
            quality=replace(made[index % 4].outputs[0].quality, output=name),
        )
        for index, name in enumerate(names)
    )
    qualities = tuple(output.quality for output in outputs)
    candidates = (
        candidate("float32", outputs=qualities, why_not="passes, but static_int8 is smaller"),
        candidate("static_int8", bytes=28_040, outputs=qualities, chosen=True),
    )
    report = digits()
    return replace(
        report,
        outputs=outputs,
        budgets=tuple(
            Budget(key=f"outputs.{name}.max_drop", limit=0.02, value=0.0056, output=name)
            for name in names
        ),
        compression=replace(report.compression, quantization="static_int8", candidates=candidates),
    )


def many_classes(count: int = 100) -> Report:
    """More classes than the page shows, and more layers than fit on a screen."""
    labels = tuple(f"class {index}: some longer name of it" for index in range(count))
    candidates = (
        candidate("float32", bytes=14_004_112, latency_ms=Latency(8.1, 9.9), peak_rss_mib=71.0),
        candidate("static_int8", bytes=3_604_112, latency_ms=Latency(3.4, 4.1), chosen=True),
    )
    report = _report(
        "things", candidates, labels, examples=20 * count, changed=6, changed_total=212
    )
    layers = tuple(
        replace(layer, layer=f"block_{index}_{layer.layer}", name=f"block_{index}/{layer.name}")
        for index in range(20)
        for layer in report.layers
    )
    return replace(report, layers=layers)


def one_candidate() -> Report:
    """Nothing to compare with, nothing that changed."""
    report = _report("iris", (candidate("float32", chosen=True),), ("a", "b", "c"), examples=60)
    confusion = report.outputs[0].confusion
    assert confusion is not None
    counts = tuple(replace(count, published=count.reference) for count in confusion.counts)
    return replace(
        with_output(report, confusion=replace(confusion, counts=counts)),
        compression=replace(report.compression, pruning=None),
        layers=(),
        budgets=(),
    )


def hostile() -> Report:
    """Whatever can be named has a name that tries to break the page."""
    evil = HOSTILE[0] + HOSTILE[1]
    kept = tuple(FloatOperator(name, name, name, "quality", 0.1) for name in HOSTILE)
    candidates = tuple(
        candidate(
            name, quality=0.97 - 0.001 * index, latency_ms=Latency(0.01 + 0.0005 * index, 0.1),
            kept_in_float=kept if index == 0 else (), chosen=index == 0,
            why_not=None if index == 0 else f"passes, but {name}",
        )
        for index, name in enumerate(HOSTILE)
    )  # fmt: skip
    report = _report(
        HOSTILE[4], candidates, HOSTILE, examples=80, verdict=" ".join(HOSTILE), changed=8,
        changed_total=8,
        budgets=tuple(Budget(key=name, limit=0.0, value=0.0) for name in HOSTILE),
    )  # fmt: skip
    provenance = Provenance(evil, evil, evil, dict.fromkeys(HOSTILE, evil), evil, evil)
    pruning = Pruning(
        evil,
        0.5,
        evil,
        (1, 1),
        evil,
        1,
        True,  # noqa: FBT003
        tuple(PrunedLayer(name, 0.5) for name in HOSTILE),
    )
    metric = HOSTILE[2] + HOSTILE[4]
    first = report.outputs[0]
    changed = tuple(
        replace(example, id=name, values={name: name * 3})
        for example, name in zip(first.changed, HOSTILE, strict=True)
    )
    report = with_output(
        report, changed=changed, description=evil, interval_method=evil,
        quality=replace(first.quality, metric=metric),
    )  # fmt: skip
    return replace(
        report,
        version=evil,
        created_at=evil,
        prefer=evil,
        provenance=provenance,
        compression=replace(report.compression, pruning=pruning),
        quality=replace(report.quality, metric=metric, dataset=evil, interval_method=evil),
        layers=tuple(
            replace(report.layers[0], layer=name, name=name, kind=name, dtype=name)
            for name in HOSTILE
        ),
        recipe="\n".join(HOSTILE),
        reproduce=" ".join(HOSTILE),
    )


def with_output(report: Report, **fields: Any) -> Report:
    """The report with something else of its only output."""
    return replace(report, outputs=(replace(report.outputs[0], **fields),))


def _report(
    name: str,
    candidates: Sequence[Candidate],
    labels: tuple[str, ...],
    *,
    examples: int,
    verdict: str | None = None,
    budgets: tuple[Budget, ...] = (
        Budget(key="gate.max_drop", limit=0.01, value=-0.0019, output="scores"),
    ),
    changed: int = 0,
    changed_total: int = 0,
) -> Report:
    (chosen,) = [candidate for candidate in candidates if candidate.chosen]
    rng = np.random.default_rng(len(labels))
    reference, published = _confusions(rng, len(labels), examples)
    pruning = Pruning(
        "magnitude", 0.5, "layer", (1, 1), "constant", 3, False,  # noqa: FBT003
        (PrunedLayer("edges", 0.5), PrunedLayer("shapes", 0.5), PrunedLayer("hidden", 0.5)),
    )  # fmt: skip
    quality = Quality(
        "accuracy", False, f"train:splits of {name}", examples, 0.9815,  # noqa: FBT003
        chosen.quality, chosen.drop, chosen.drop_interval_95, "Agresti & Min (2005)",
    )  # fmt: skip
    output = OutputReport(
        task="classification",
        description="score of each class",
        units="",
        quality=_output_quality("scores", quality, 1 - changed_total / examples),
        interval_method=quality.interval_method,
        thresholds={},
        reference_thresholds={},
        threshold_curve=None,
        classes=_classes(labels, reference, published),
        confusion=Confusion(
            labels=labels, counts=_counts(labels, reference, published)
        ),
        reliability=Reliability(
            reference_error=0.0121, published_error=0.0188,
            reference=_bins(rng, examples, 0.04), published=_bins(rng, examples, -0.05),
        ),
        values=None,
        changed=tuple(_changed(rng, index, labels) for index in range(changed)),
        changed_total=changed_total,
    )  # fmt: skip
    return Report(
        name=name,
        version="20261122T154447Z-2ddcfe30",
        created_at="2026-11-22T15:44:47Z",
        task="classification",
        verdict=verdict or f"{chosen.name}: {chosen.bytes:,} bytes, as good as before.",
        quality=quality,
        compression=Compression(chosen.name, tuple(candidates), 89_468, 8, pruning),
        resources=Resources(
            chosen.cold_load_ms, chosen.peak_rss_mib, chosen.latency_ms, Recommended(256, 1, 8, 1)
        ),
        provenance=Provenance(
            "2f" * 32, "8a" * 32, "c1" * 32,
            {"ai-edge-litert": "2.3.0", "keras": "3.15.0", "numpy": "2.4.1"},
            "5c0841c" + "0" * 33, "AMD EPYC 7B13",
        ),
        prefer="size",
        budgets=budgets,
        outputs=(output,),
        layers=_layers(),
        recipe='[model]\nname = "digits"\nsource = "digits.keras"\n\n[gate]\nmax_drop = 0.02\n',
        reproduce="python -m model_export export digits/recipe.toml --set gate.prefer=size",
    )  # fmt: skip


def _output_quality(name: str, quality: Quality, agreement: float | None) -> OutputQuality:
    return OutputQuality(
        name,
        quality.metric,
        quality.lower_is_better,
        quality.reference,
        quality.published,
        quality.drop,
        quality.drop_interval_95,
        agreement,
    )


def _values(count: int = 300) -> Values:
    rng = np.random.default_rng(0)
    truth = rng.normal(250_000, 60_000, count)
    before = truth + rng.normal(0, 2_300, count)
    points = np.stack([truth, before, before + rng.normal(40, 400, count)], axis=1)
    change = ValueChange(
        index=0, deviation=60_012.3, reference_error=1_812.4, published_error=1_893.2,
        reference_bias=-12.3, published_bias=28.1, moved=1_231.9,
    )  # fmt: skip
    return Values(
        changes=(change,), plotted=0, points=tuple((x, y, z) for x, y, z in points.tolist())
    )


def _confusions(
    rng: np.random.Generator, classes: int, examples: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Counts by right class and answer, of a good model and of one that moved a few answers."""
    before = np.diag(np.full(classes, examples // max(classes, 1)))
    after = before.copy()
    for matrix, moves in ((before, classes), (after, 2 * classes)):
        for _ in range(moves):
            truth, answer = rng.integers(0, classes, 2)
            matrix[truth, truth] -= 1
            matrix[truth, answer] += 1
    return before, after


def _classes(
    labels: Sequence[str], before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> tuple[ClassChange, ...]:
    totals = before.sum(axis=1)
    return tuple(
        ClassChange(
            label=label,
            examples=int(totals[i]),
            reference=float(before[i, i] / totals[i]),
            published=float(after[i, i] / totals[i]),
            reference_precision=_precision(before, i),
            published_precision=_precision(after, i),
        )
        for i, label in enumerate(labels)
    )


def _precision(matrix: npt.NDArray[np.int64], index: int) -> float | None:
    said = int(matrix[:, index].sum())
    return int(matrix[index, index]) / said if said else None


def _counts(
    labels: Sequence[str], before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> tuple[ConfusionCount, ...]:
    return tuple(
        ConfusionCount(
            truth=labels[row],
            answer=labels[column],
            reference=int(before[row, column]),
            published=int(after[row, column]),
        )
        for row, column in zip(*np.nonzero(before + after), strict=True)
    )


def _bins(rng: np.random.Generator, examples: int, slant: float) -> tuple[ReliabilityBin, ...]:
    edges = np.linspace(0, 1, 16)
    counts = (examples * 0.9 * (np.arange(15) / 14) ** 6).astype(int)
    return tuple(
        ReliabilityBin(
            low=float(low),
            high=float(high),
            examples=int(count),
            score=float((low + high) / 2) if count else None,
            accuracy=float(np.clip((low + high) / 2 + slant + rng.normal(0, 0.04), 0, 1))
            if count
            else None,
        )
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )


def _layers() -> tuple[LayerCost, ...]:
    rows = (
        ("edges", "digits/edges/Conv2D", "CONV_2D", "float32", 32, 144, 576, 0.5),
        ("shapes", "digits/shapes/Conv2D", "CONV_2D", "int8", 8, 4_608, 4_608, 0.5),
        ("hidden", "digits/hidden/MatMul", "FULLY_CONNECTED", "int8", 8, 16_384, 16_384, 0.5),
        (None, "digits/scores/MatMul", "FULLY_CONNECTED", "int8", 8, 640, 640, 0.01),
    )
    return tuple(
        LayerCost(
            layer=layer, name=name, kind=kind, dtype=dtype, bits=bits, weights=weights, bytes=size,
            sparsity=sparsity,
        )
        for layer, name, kind, dtype, bits, weights, size, sparsity in rows
    )  # fmt: skip


def _changed(rng: np.random.Generator, index: int, labels: Sequence[str]) -> ChangedExample:
    truth, other = rng.choice(len(labels), 2, replace=False)
    before, after = ((truth, other), (other, truth), (other, (other + 1) % len(labels)))[index % 3]
    return ChangedExample(
        id=f"test[{17 * index}]",
        truth=labels[truth],
        reference=labels[before],
        published=labels[after],
        reference_score=float(rng.uniform(0.4, 0.9)),
        published_score=float(rng.uniform(0.4, 0.9)),
        pictures={"pixels": picture(rng, 8 if index % 4 else 160)},
        values={},
    )


def picture(rng: np.random.Generator, side: int) -> str:
    """A ring, as a data URI: as PNG if it is small, else as JPEG."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ring = np.exp(-((np.hypot(x, y) - rng.uniform(0.4, 0.7)) ** 2) * 20)
    return thumbnail((255 * ring)[..., np.newaxis])
