"""Models that the bundle carries."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from model_export.bundle.baked_models import find_models, read_models
from model_export.bundle.zip import Limits, bundle
from model_export.errors import RegistryError, UsageError
from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from model_export.registry.store import WritableStore
from tests.support.models.tiny import LABELS, WEIGHTS, examples, publish_tiny, scores
from tests.support.places import FUNCTIONS
from tests.support.server.serving import running
from tests.support.storage.stores import Artifact, FolderRegistry, Registry
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.loading import load_artifact, resolve_alias
from tflite_serving.contract.alias import Share, read_alias, write_alias
from tflite_serving.settings import ModelRef
from tflite_serving.telemetry import Timings

Cli = Callable[..., Result]


def baked(registry: str, *models: str) -> dict[str, bytes]:
    return read_models(*find_models(models, registry))


def put(store: WritableStore, artifact: Artifact, alias: str | None = "production") -> None:
    publish(store, artifact.manifest, artifact.folder)
    if alias is not None:
        move_alias(store, "iris", alias, artifact.manifest.version, "publish")


def unpack(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def bake(folder: Path, registry: str, *models: str) -> Path:
    """A bundle with these models, unpacked."""
    path = bundle(FUNCTIONS, folder, baked(registry, *models))
    return unpack(path, folder / path.stem)


@pytest.fixture
def folder(tmp_path: Path) -> FolderRegistry:
    """An empty registry in a folder."""
    return FolderRegistry(tmp_path / "published")


@pytest.fixture
def filled(folder: FolderRegistry, artifact: Artifact, newer: Artifact) -> FolderRegistry:
    """Two versions of iris: production names the first, staging the second."""
    store = open_writable(folder.uri)
    put(store, artifact)
    put(store, newer, "staging")
    return folder


def test_a_model_is_baked_from_any_registry(
    registry: Registry, store: WritableStore, artifact: Artifact
) -> None:
    put(store, artifact)
    files = baked(registry.uri, "iris")
    version = f"registry/{artifact.prefix}"
    assert set(files) == {
        "registry/MODELS",
        "registry/models/iris/aliases/production.json",
        f"{version}/golden.npz",
        f"{version}/manifest.json",
        f"{version}/model.tflite",
    }
    assert files["registry/MODELS"] == b"iris@production\n"
    for name in ("golden.npz", "manifest.json", "model.tflite"):
        assert files[f"{version}/{name}"] == (artifact.folder / name).read_bytes()


def test_the_report_stays_in_the_registry(filled: FolderRegistry, artifact: Artifact) -> None:
    assert f"{artifact.prefix}/report.html" in filled.paths()
    assert not [path for path in baked(filled.uri, "iris") if "report" in path]


def test_a_pinned_version_brings_no_alias(filled: FolderRegistry, artifact: Artifact) -> None:
    version = artifact.manifest.version
    files = baked(filled.uri, f"iris@{version}")
    assert files["registry/MODELS"] == f"iris@{version}\n".encode()
    assert not [path for path in files if "aliases" in path]


def test_an_alias_brings_the_version_that_it_names(
    filled: FolderRegistry, newer: Artifact, tmp_path: Path
) -> None:
    root = bake(tmp_path, filled.uri, "iris@staging") / "registry"
    store = FolderStore(root)
    assert resolve_alias(store, "iris", "staging").version == newer.manifest.version
    loaded = load_artifact(store, "iris", newer.manifest.version, tmp_path / "none", Timings())
    assert loaded.manifest == newer.manifest
    assert len(list((root / "models/iris/versions").iterdir())) == 1


def test_several_models_keep_their_order(
    filled: FolderRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    publish_tiny(open_writable(filled.uri), tmp_path / "wine", name="wine")
    files = baked(filled.uri, "wine", f"iris@{artifact.manifest.version}", "iris@staging")
    expected = f"wine@production,iris@{artifact.manifest.version},iris@staging\n"
    assert files["registry/MODELS"].decode() == expected
    assert len([path for path in files if path.endswith("/model.tflite")]) == 3


def test_two_names_of_one_version_bring_it_once(filled: FolderRegistry, artifact: Artifact) -> None:
    files = baked(filled.uri, "iris", f"iris@{artifact.manifest.version}")
    assert len([path for path in files if path.endswith("/model.tflite")]) == 1


def test_canary_and_shadow_stay_behind_and_are_named(
    filled: FolderRegistry, artifact: Artifact, newer: Artifact
) -> None:
    plain = baked(filled.uri, "iris")
    path = "models/iris/aliases/production.json"
    share = Share(newer.manifest.version, 10)
    alias = replace(read_alias(filled.read(path)), canary=share, shadow=share)
    filled.write(path, write_alias(alias).encode())
    store, found = find_models(["iris"], filled.uri)
    other = newer.manifest.version
    assert found[0].manifest == artifact.manifest
    assert found[0].left_behind == (f"canary {other}", f"shadow {other}")
    assert read_models(store, found) == plain


def test_an_alias_that_was_moved_away_and_back_bakes_to_the_same_bytes(
    filled: FolderRegistry, artifact: Artifact, newer: Artifact
) -> None:
    first = baked(filled.uri, "iris")
    store = open_writable(filled.uri)
    for version in (newer.manifest.version, artifact.manifest.version):
        move_alias(store, "iris", "production", version, "promote")
    assert baked(filled.uri, "iris") == first


def test_neither_time_zone_nor_permissions_nor_order_change_a_byte(
    artifact: Artifact, newer: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(name: str, order: Sequence[tuple[Artifact, str]]) -> bytes:
        registry = FolderRegistry(tmp_path / name)
        for published, alias in order:
            put(open_writable(registry.uri), published, alias)
        files = baked(registry.uri, "iris", "iris@staging")
        return bundle(FUNCTIONS, tmp_path / f"{name}-out", files).read_bytes()

    order = [(artifact, "production"), (newer, "staging")]
    first = made("first", order)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    before = os.umask(0o077)
    try:
        second = made("second", order[::-1])
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert first == second


def test_the_order_in_which_files_were_read_changes_no_byte(
    filled: FolderRegistry, tmp_path: Path
) -> None:
    files = baked(filled.uri, "iris", "iris@staging")
    turned = dict(reversed(files.items()))
    path = bundle(FUNCTIONS, tmp_path, files)
    assert path.read_bytes() == bundle(FUNCTIONS, tmp_path / "other", turned).read_bytes()


def test_the_order_of_models_is_content(filled: FolderRegistry, tmp_path: Path) -> None:
    one = bundle(FUNCTIONS, tmp_path, baked(filled.uri, "iris", "iris@staging"))
    other = bundle(FUNCTIONS, tmp_path, baked(filled.uri, "iris@staging", "iris"))
    assert one.name != other.name


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data + b"x", r"model\.tflite: expected [0-9]+ bytes, got [0-9]+$"),
        (lambda data: data[:-1] + b"x", r"model\.tflite: expected sha256 .{64}, got .{64}$"),
        (None, r"model\.tflite: there is no such (file|object).*, but the manifest lists it$"),
    ],
)
def test_a_file_that_is_not_what_the_manifest_says_is_refused(
    registry: Registry,
    store: WritableStore,
    artifact: Artifact,
    damage: Callable[[bytes], bytes] | None,
    message: str,
) -> None:
    put(store, artifact)
    path = f"{artifact.prefix}/model.tflite"
    if damage is None:
        registry.delete(path)
    else:
        registry.write(path, damage(registry.read(path)))
    with pytest.raises(RegistryError, match=message):
        baked(registry.uri, "iris")


def test_damaged_evidence_is_nobodys_business(filled: FolderRegistry, artifact: Artifact) -> None:
    filled.delete(f"{artifact.prefix}/report.html")
    assert baked(filled.uri, "iris")


def test_a_model_that_is_named_twice_is_refused(filled: FolderRegistry) -> None:
    with pytest.raises(UsageError, match="each model once, got iris@production twice"):
        find_models(["iris", "iris@production"], filled.uri)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--bake", "iris@nobody"], 5, "aliases/nobody.json: there is no such file"),
        (["--bake", "iris@20200101T000000Z-00000000"], 5, "manifest.json: there is no such file"),
        (["--bake", "rose"], 5, "models/rose/aliases/production.json: there is no such file"),
        (["--bake", "../x"], 2, "--bake '../x': expected 1 to 63 letters"),
        (["--bake", "iris", "--bake", "iris"], 2, "got iris@production twice"),
        ([], 2, "expected --bake MODEL and --registry URI together"),
    ],
)
def test_a_model_that_cannot_be_baked_leaves_nothing_behind(
    cli: Cli,
    filled: FolderRegistry,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    output = tmp_path / "out"
    result = cli("bundle", "--output", output, "--registry", filled.uri, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""
    assert not output.exists()


def test_a_damaged_file_leaves_nothing_behind(
    cli: Cli, filled: FolderRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    filled.write(f"{artifact.prefix}/golden.npz", b"")
    output = tmp_path / "out"
    result = cli("bundle", "--output", output, "--registry", filled.uri, "--bake", "iris")
    assert result.exit_code == 5
    assert "golden.npz: expected" in result.stderr
    assert not output.exists()


def test_a_model_without_a_registry_to_take_it_from_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("bundle", "--output", tmp_path / "out", "--bake", "iris")
    assert result.exit_code == 2
    assert "--registry URI" in result.stderr


def test_people_are_told_what_was_baked_and_what_was_not(
    cli: Cli, filled: FolderRegistry, artifact: Artifact, newer: Artifact, tmp_path: Path
) -> None:
    path = "models/iris/aliases/production.json"
    share = Share(newer.manifest.version, 10)
    alias = replace(read_alias(filled.read(path)), canary=share)
    filled.write(path, write_alias(alias).encode())
    output = tmp_path / "out"
    result = cli("bundle", "--output", output, "--registry", filled.uri, "--bake", "iris")
    (made,) = output.iterdir()
    assert result.stdout == f"{made}  {made.stat().st_size:,} bytes\n"
    files = artifact.manifest.files
    size = files["model.tflite"].bytes + files["golden.npz"].bytes
    assert result.stderr.splitlines() == [
        f"baked iris@production: {artifact.manifest.version}, {size:,} bytes",
        f"iris@production: canary {newer.manifest.version} left out: a bundle serves one version",
    ]


def test_what_the_platform_would_refuse_is_not_written(
    filled: FolderRegistry, tmp_path: Path
) -> None:
    files = baked(filled.uri, "iris")
    size = len(bundle(FUNCTIONS, tmp_path / "fits", files).read_bytes())
    unpacked = sum(map(len, files.values())) + sum(
        path.stat().st_size for path in files_below(unpack_plain(tmp_path))
    )
    most = Limits(zip_bytes=size, unpacked_bytes=unpacked)
    assert bundle(FUNCTIONS, tmp_path / "just", files, most).stat().st_size == size
    for limits, what in (
        (replace(most, zip_bytes=size - 1), f"{size - 1:,} bytes zipped, .* got {size:,}"),
        (
            replace(most, unpacked_bytes=unpacked - 1),
            f"{unpacked - 1:,} bytes unpacked, .* got {unpacked:,}",
        ),
    ):
        with pytest.raises(UsageError, match=what):
            bundle(FUNCTIONS, tmp_path / "out", files, limits)
    assert not (tmp_path / "out").exists()


def unpack_plain(folder: Path) -> Path:
    return unpack(bundle(FUNCTIONS, folder / "plain"), folder / "plain-unpacked")


def test_a_model_that_is_too_large_is_refused_before_it_is_read(
    cli: Cli,
    filled: FolderRegistry,
    artifact: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model_export.bundle.build.PLATFORM", Limits(10**9, 1000))
    filled.delete(f"{artifact.prefix}/model.tflite")
    arguments = ["--output", tmp_path / "out", "--registry", filled.uri, "--bake", "iris"]
    result = cli("bundle", *arguments)
    assert result.exit_code == 2
    assert "expected at most 1,000 bytes unpacked" in result.stderr
    assert cli("bundle", *arguments, "--any-size").exit_code == 5  # it went on to read the file


def test_a_zip_that_cannot_be_put_in_place_leaves_nothing_half_written(tmp_path: Path) -> None:
    name = bundle(FUNCTIONS, tmp_path / "first").name
    in_the_way = tmp_path / "out" / name
    in_the_way.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        bundle(FUNCTIONS, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [in_the_way]


def test_a_baked_function_answers_without_settings_and_without_the_registry(
    filled: FolderRegistry, newer: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = bake(tmp_path, filled.uri, "iris@staging", "iris")
    for path in filled.paths():
        filled.delete(path)
    monkeypatch.delenv("MODEL_REGISTRY", raising=False)
    monkeypatch.delenv("MODELS", raising=False)
    rows = examples(3).inputs["features"]
    # The code of the bundle, not that of this working copy.
    environment = {"PYTHONPATH": str(source), "MODEL_CACHE": str(tmp_path / "cache")}
    with running("predict", environment, tmp_path, source / "main.py") as function:
        answer = function.post("/predict", {"instances": rows.tolist()}).json()
        assert answer["model"] == {"name": "iris", "version": newer.manifest.version}
        best = scores(rows, WEIGHTS * 2).argmax(axis=1)
        assert [p["label"] for p in answer["predictions"]] == [LABELS[i] for i in best]
        assert [line for line in function.log() if line["severity"] != "INFO"] == []
    assert not (tmp_path / "cache").exists()  # the model is read where it lies


def test_a_registry_of_the_environment_is_served_instead_of_what_is_baked(
    filled: FolderRegistry, artifact: Artifact, newer: Artifact, tmp_path: Path
) -> None:
    source = bake(tmp_path, filled.uri, "iris")
    environment = {
        "PYTHONPATH": str(source),
        "MODEL_REGISTRY": filled.uri,
        "MODELS": str(ModelRef("iris", "staging")),
    }
    body = {"instances": examples(1).inputs["features"].tolist()}
    with running("predict", environment, tmp_path, source / "main.py") as function:
        answer = function.post("/predict", body).json()
    assert answer["model"]["version"] == newer.manifest.version != artifact.manifest.version


def test_a_function_whose_baked_list_is_damaged_says_so_and_does_not_start(
    filled: FolderRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = bake(tmp_path, filled.uri, "iris")
    (source / "registry" / "MODELS").write_text("")
    monkeypatch.delenv("MODEL_REGISTRY", raising=False)
    monkeypatch.delenv("MODELS", raising=False)
    with (
        pytest.raises(AssertionError, match=r"cannot start: MODELS: .*MODELS is empty; make the"),
        running("predict", {"PYTHONPATH": str(source)}, tmp_path, source / "main.py"),
    ):
        pass
