"""The export, from recipe to registry: the steps in order."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_export.artifact import provenance
from model_export.artifact.compression import describe_compression
from model_export.artifact.write import choose_golden, write_artifact
from model_export.errors import RegistryError, UsageError
from model_export.flatbuffer.inspect import check_zeros
from model_export.progress import Progress
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.recipe.recipe import Recipe
from model_export.registry.operations import move_alias, open_registry, publish
from model_export.registry.store import WritableStore
from model_export.report.build.build import ExportFindings, build_report
from model_export.report.page.page import render
from model_export.signature.source_model import SourceModel
from model_export.steps.convert import convert, find_ranges, fitting
from model_export.steps.describe import draft_manifest
from model_export.steps.evaluate import CandidateEvaluation
from model_export.steps.float32_check import Float32Check
from model_export.steps.prepare import PreparedExport, load, prepare
from model_export.steps.step_cache import StepCache
from model_export.steps.workspace import export_key, open_workspace
from model_export.verification.verify import verify_artifact
from tflite_serving.contract.codec import to_text
from tflite_serving.contract.evidence import Provenance, Pruning
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.versions import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of an export.

    Attributes:
        recipe: what to do.
        folder: of the recipe; its paths are relative to it.
        registry: where to publish; None measures and judges, and publishes nothing.
        resume: whether to go on with what an earlier export of the same things finished.
        work: folder to keep unfinished work in; None is the recipe's.
        command: that asked for it, for the report.
        model_file: Absolute path of the model, if it is not the recipe's ``model.source``.
        examples: Splits in memory, as a recipe's function returns them; None reads the recipe's
            ``data.source``.
    """

    recipe: Recipe
    folder: Path
    registry: str | None
    resume: bool = False
    work: Path | None = None
    command: str = ""
    model_file: Path | None = None
    examples: Any = None


@dataclass(frozen=True, slots=True)
class Export:
    """What an export came to.

    Attributes:
        manifest: of the artifact.
        registry: URI of where it was published; None after a dry run.
        alias: the alias that names it now; None if none was moved.
    """

    manifest: Manifest
    registry: str | None
    alias: str | None


def export(request: Request, progress: Progress) -> Export:
    """Exports one model.

    Args:
        request: what to do.
        progress: told of every step.

    Raises:
        ExportError: its class says which exit code.
    """
    recipe, folder = request.recipe, request.folder
    # First of all: a wrong address should not cost the minutes that an export takes.
    store = None if request.registry is None else open_registry(request.registry)
    # Before it is loaded: somebody may train it again meanwhile.
    source_sha256 = provenance.source_sha256(request.model_file or folder / recipe.model.source)
    source, prepared = prepare(
        load(recipe, folder, progress, request.model_file),
        recipe,
        folder,
        progress,
        request.examples,
    )
    made_from = provenance.collect_provenance(
        folder, source_sha256, recipe.sha256, prepared.client_splits.sha256
    )
    key = export_key(recipe, made_from.source_sha256, made_from.data_sha256)
    work = open_workspace(request.work or folder, recipe.model.name, key, resume=request.resume)
    with work as workspace:
        step_cache = StepCache(workspace)
        model, prepared, pruning = _compress(source, prepared, recipe, step_cache, progress)
        del source  # what comes now needs its memory, and nothing of it
        ranges = find_ranges(
            model.flatbuffer, prepared, recipe.calibration, recipe.quantize.variants, progress
        )
        unknown = check_zeros(model.facts, model.pruned, "float32")
        if unknown:
            progress.log(
                f"not found in the flatbuffer by name, so that their zeros are not checked there: "
                f"{', '.join(unknown)}"
            )
        factory = CandidateFactory(model, ranges, recipe.quantize.float_where_faster)
        evaluation = CandidateEvaluation(recipe, factory, prepared, step_cache, progress)
        findings = _choose(evaluation, pruning, made_from)
        with tempfile.TemporaryDirectory(prefix="artifact-") as temporary:
            artifact = Path(temporary)
            manifest = _write(artifact, findings, request)
            verify_artifact(
                manifest,
                artifact,
                findings.test,
                findings.published.quality.predictions,
                findings.reference,
                progress,
            )
            if store is None:
                return Export(manifest, None, None)
            done = _publish(manifest, artifact, store, recipe.publish.alias, progress)
        workspace.clear()
        return done


def _compress(
    source: SourceModel,
    prepared: PreparedExport,
    recipe: Recipe,
    step_cache: StepCache,
    progress: Progress,
) -> tuple[Float32Model, PreparedExport, Pruning | None]:
    """Prunes, converts and compares, or takes what an earlier export finished.

    Returns:
        The converted model; what was prepared, as it fits that; and how the model was pruned.
    """
    layers = frozenset(source.layers)
    known = step_cache.float32()
    if known is not None:
        float32, pruning = known
        with progress.step("resume") as step:
            step.result = "pruned and converted before" if pruning else "converted before"
    else:
        pruning = _prune(source, prepared, recipe, step_cache, progress)
        float32 = convert(source, prepared, progress)
    prepared = fitting(prepared, float32)
    pruned = pruning.layers if pruning else ()
    model = Float32Model(float32, prepared.signature, layers, pruned)
    if known is None:
        expected = prepared.reference.outputs if prepared.is_whole and pruning is None else None
        check = Float32Check(source, model, prepared, recipe.measure.threads)
        check.run(expected, step_cache, progress)
        # Not before: what is kept is not compared again.
        step_cache.keep_float32(float32, pruning)
    return model, prepared, pruning


def _prune(
    source: SourceModel,
    prepared: PreparedExport,
    recipe: Recipe,
    step_cache: StepCache,
    progress: Progress,
) -> Pruning | None:
    if recipe.prune.method == "none":
        return None
    from model_export.tf.pruning.prune import Goal, prune
    from model_export.tf.source import KerasSource

    if not isinstance(source, KerasSource):
        raise UsageError(
            "recipe.prune: a SavedModel cannot be pruned, because it cannot be trained on; "
            "give the .keras file, or set prune.method = 'none'"
        )
    with progress.step("prune") as step:
        pruning = prune(
            source.model,
            recipe.prune,
            prepared.splits.train,
            prepared.splits.validation,
            [
                Goal(each.metric, each.output.activation, each.gate.allowed_drop, each.name)
                for each in prepared.criteria
            ],
            progress.log,
            step_cache.training,
        )
        layers = ", ".join(layer.name for layer in pruning.layers)
        epochs = f"{pruning.epochs} epoch{'' if pruning.epochs == 1 else 's'}"
        step.result = f"{pruning.sparsity:.0%} of {layers}; {epochs}"
    return pruning


def _choose(
    evaluation: CandidateEvaluation, pruning: Pruning | None, made_from: Provenance
) -> ExportFindings:
    recipe, prepared = evaluation.recipe, evaluation.prepared
    result = evaluation.run()
    compression = describe_compression(
        result.evaluated,
        result.choice,
        result.failed,
        float32_bytes=len(evaluation.factory.model.flatbuffer),
        batch=recipe.measure.batch,
        pruning=pruning,
    )
    chosen = result.choice.chosen
    assert chosen is not None  # or there would be no compression to describe
    draft = draft_manifest(recipe, prepared, compression, chosen, made_from, result.by_length)
    return ExportFindings(
        draft,
        chosen,
        prepared.reference.outputs,
        prepared.client_splits.test,
        prepared.signature,
        prepared.criteria,
    )


def _write(folder: Path, findings: ExportFindings, request: Request) -> Manifest:
    now = datetime.now(UTC)

    def evidence(version: str) -> dict[str, bytes]:
        report = build_report(findings, request.recipe, version, rfc3339(now), request.command)
        return {"report.html": render(report), "report.json": to_text(report).encode()}

    outputs = findings.published.quality.predictions
    return write_artifact(
        folder,
        findings.draft,
        findings.published.candidate.flatbuffer,
        choose_golden(
            findings.test,
            findings.reference,
            outputs,
            findings.signature.outputs,
            findings.signature.pictures,
            findings.published.candidate.variant,
        ),
        now,
        evidence,
    )


def _publish(
    manifest: Manifest, artifact: Path, store: WritableStore, alias: str | None, progress: Progress
) -> Export:
    with progress.step("publish") as step:
        publish(store, manifest, artifact)
        ended = ""
        if alias is not None:
            try:
                ended = move_alias(store, manifest.name, alias, manifest.version, "publish").ended
            except RegistryError as error:
                raise type(error)(
                    f"{manifest.version} is published, but the alias {alias!r} was not moved to "
                    f"it: {error}"
                ) from error
        step.result = f"{manifest.version} to {store.uri}"
    if ended:
        progress.log(f"{manifest.name}@{alias}: ended {ended}")
    return Export(manifest, store.uri, alias)
