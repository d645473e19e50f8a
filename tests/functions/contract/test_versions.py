"""Names, version ids, digests and paths."""

from __future__ import annotations

import hashlib
import os.path
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.strategies import hexes, names, version_ids
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.versions import (
    check_file_path,
    check_name,
    check_sha256,
    check_timestamp,
    check_version,
    content_digest,
    is_version,
    version_id,
)

VERSION = "20260131T235959Z-0123abcd"


def test_the_content_digest_is_what_sha256sum_prints(tmp_path: Path) -> None:
    contents = {"model.tflite": b"m", "a/b.txt": b"", "golden.npz": b"\0\n", "B": b"upper"}
    for path, data in contents.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    lines = subprocess.run(
        ["sha256sum", *sorted(contents)], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    total = subprocess.run(["sha256sum"], input=lines, check=True, capture_output=True).stdout
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}
    assert content_digest(digests) == total.decode().split()[0]


def test_the_content_digest_of_known_lines() -> None:
    lines = f"{'1' * 64}  a\n{'0' * 64}  b\n"
    assert (
        content_digest({"b": "0" * 64, "a": "1" * 64}) == hashlib.sha256(lines.encode()).hexdigest()
    )


@given(st.dictionaries(names, hexes, min_size=2, max_size=5))
def test_the_content_digest_does_not_depend_on_the_order(files: dict[str, str]) -> None:
    backwards = dict(reversed(files.items()))
    assert content_digest(files) == content_digest(backwards)


@given(st.dictionaries(names, hexes, min_size=1, max_size=5))
def test_the_content_digest_depends_on_every_path(files: dict[str, str]) -> None:
    path, *_ = files
    renamed = {f"{path}~": files[path], **{k: v for k, v in files.items() if k != path}}
    assert content_digest(files) != content_digest(renamed)


def test_a_version_id_is_in_utc_and_ends_in_the_digest() -> None:
    moment = datetime(2026, 2, 1, 0, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert version_id(moment, "0123abcd" + "f" * 56) == VERSION


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1)),  # noqa: DTZ001  # in UTC, below
    st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1)),  # noqa: DTZ001
    hexes,
)
def test_version_ids_sort_by_age(earlier: datetime, later: datetime, digest: str) -> None:
    earlier, later = sorted(
        moment.replace(tzinfo=UTC, microsecond=0) for moment in (earlier, later)
    )
    ids = version_id(earlier, digest), version_id(later, digest)
    assert all(map(is_version, ids))
    assert ids == tuple(sorted(ids))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "production",
        VERSION[:-1],
        VERSION + "0",
        VERSION.upper(),
        VERSION.replace("Z", ""),
        VERSION + "\n",
        VERSION.replace("2026", "٢٠٢٦"),
        "2026-01-31T23:59:59Z-0123abcd",
    ],
)
def test_other_forms_are_no_versions(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ContractError) as caught:
        check_version(text, "doc.version")
    assert str(caught.value) == (
        f"doc.version: expected a version such as 20260131T235959Z-0123abcd, got {text!r}"
    )


@given(names)
def test_names_are_names(name: str) -> None:
    check_name(name, "name")


@given(version_ids)
def test_an_alias_is_never_mistaken_for_a_version(version: str) -> None:
    check_version(version, "version")
    with pytest.raises(ContractError, match=r"expected a name, got '.*', which has a version's"):
        check_name(version, "alias")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "_a", "a/b", "a b", "a:b", "é", "a\n", "x" * 64, "a@b"]
)
def test_what_could_be_a_path_or_a_separator_is_no_name(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_name(name, "name")
    assert str(caught.value) == (
        "name: expected 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or "
        f"digit, got {name!r}"
    )


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_only_lower_case_hex_is_a_sha256(digest: str) -> None:
    check_sha256("0123456789abcdef" * 4, "sha256")
    with pytest.raises(ContractError) as caught:
        check_sha256(digest, "sha256")
    assert str(caught.value) == f"sha256: expected 64 hex digits, got {digest!r}"


@pytest.mark.parametrize(
    "timestamp",
    ["2026-01-31T23:59:59Z", "2026-01-31T23:59:59.25+01:30", "2024-02-29T00:00:00-11:00"],
)
def test_rfc_3339_times_are_timestamps(timestamp: str) -> None:
    check_timestamp(timestamp, "at")


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "2026-01-31",
        "2026-01-31 23:59:59Z",
        "2026-01-31T23:59:59",
        "2026-02-30T00:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-W05-6T00:00:00Z",
        "٢٠٢٦-01-31T23:59:59Z",
        "2026-01-31T23:59:59Z\n",
    ],
)
def test_other_times_are_refused(timestamp: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_timestamp(timestamp, "at")
    assert str(caught.value) == (
        f"at: expected an RFC 3339 time such as 2026-01-31T23:59:59Z, got {timestamp!r}"
    )


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a/..",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\..\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "a\x1bb",
        "\ud800",
    ],
)
def test_paths_that_could_escape_or_confuse_are_refused(path: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_file_path(path, "files")
    assert str(caught.value) == (
        f"files: expected a plain relative path inside the artifact, got {path!r}"
    )


@given(
    st.text(max_size=20)
    | st.lists(st.sampled_from(["..", ".", "/", "a", "\\", "", "b.c"]), max_size=6).map("/".join)
)
def test_any_path_is_refused_or_stays_inside_the_folder(path: str) -> None:
    try:
        check_file_path(path, "files")
    except ContractError:
        return
    joined = os.path.normpath(Path("/artifact") / path)
    assert joined == f"/artifact/{path}"
    path.encode()
