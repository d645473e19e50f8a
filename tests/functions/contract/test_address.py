from __future__ import annotations

from pathlib import Path

import pytest

from tflite_serving.contract.address import RegistryUri
from tflite_serving.contract.codec import ContractError


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("gs://models-1", "models-1", ""),
        ("gs://models-1/", "models-1", ""),
        ("gs://models_1.example.com/team/vision", "models_1.example.com", "team/vision"),
        ("gs://models-1/team/vision/", "models-1", "team/vision"),
        ("gs://models-1/a#b?c%20d", "models-1", "a#b?c%20d"),
    ],
)
def test_a_gs_uri_names_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str) -> None:
    assert RegistryUri.parse(text) == RegistryUri("gs", bucket=bucket, prefix=prefix)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("file:///srv/registry", "/srv/registry"),
        ("file://localhost/srv/registry", "/srv/registry"),
        ("file:/srv/registry", "/srv/registry"),
        ("FILE:///srv/registry", "/srv/registry"),
        ("file:///srv/my%20models", "/srv/my models"),
        ("/srv/registry", "/srv/registry"),
        ("/srv/50%20#1?", "/srv/50%20#1?"),
        ("//srv/[registry", "//srv/[registry"),
    ],
)
def test_a_file_uri_or_a_plain_path_names_a_folder(text: str, folder: str) -> None:
    assert RegistryUri.parse(text) == RegistryUri(folder=Path(folder))


def test_a_plain_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert RegistryUri.parse("build/registry").folder == tmp_path / "build" / "registry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected gs://bucket[/prefix], file:///folder or a path"),
        ("gs://", "got no bucket"),
        ("gs:///prefix", "got no bucket"),
        ("gs:bucket", "got no bucket"),
        ("gs://My Bucket/x", "'My Bucket'"),
        ("gs://-bucket", "'-bucket'"),
        ("gs://user@bucket:80/x", "'user@bucket:80'"),
        ("gs://[bucket/x", "'[bucket'"),
        ("s3://bucket/x", "'s3'"),
        ("https://storage.googleapis.com/bucket", "'https'"),
        ("file://host/folder", "expected file:///folder"),
        ("file://", "expected file:///folder"),
        ("file:folder", "expected file:///folder"),
        ("file:///srv/a#b", "%23"),
        ("file:///srv/a?b", "%3F"),
        ("bad\0path", "null character"),
        ("file:///bad%00path", "null character"),
    ],
)
def test_what_is_no_registry_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ContractError) as caught:
        RegistryUri.parse(text)
    assert expected in str(caught.value)
