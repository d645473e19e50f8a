"""Locks that pip installs on every supported Python."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.installable import IndexUnreachableError, pins_of, refusals

Publish = Callable[..., None]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts an empty package into an index of its own, in which pip looks alone."""
    index = tmp_path / "index"
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    def put(name: str, version: str, requires: str, tags: str = "py3-none-any") -> None:
        folder = index / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{name}-{version}-{tags}.whl"
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{info}/METADATA", f"{metadata}Requires-Python: {requires}\n")
            archive.writestr(
                f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        bound = requires.replace("<", "&lt;").replace(">", "&gt;")
        link = f'<a href="{wheel.name}" data-requires-python="{bound}">{wheel.name}</a>\n'
        with (folder / "index.html").open("a", encoding="utf-8") as page:
            page.write(link)

    return put


def test_a_pin_whose_upper_bound_excludes_a_python_is_refused(publish: Publish) -> None:
    publish("good", "1.0", ">=3.8")
    publish("old", "1.3.1", ">=3.8,<3.12")
    pins = [(pin, python) for pin in ("good==1.0", "old==1.3.1") for python in ("3.11", "3.13")]
    (refusal,) = refusals(pins)
    assert str(refusal) == (
        "expected old to be installable with pip on Python 3.13, got 1.3.1: it requires Python "
        ">=3.8,<3.12; exclude it (constraint-dependencies in pyproject.toml, such as "
        '"old!=1.3.1") and run `make lock`'
    )


def test_a_pin_without_a_wheel_for_a_python_is_refused(publish: Publish) -> None:
    publish("built", "2.0", ">=3.8", "cp311-cp311-manylinux_2_28_x86_64")
    (refusal,) = refusals([("built==2.0", "3.11"), ("built==2.0", "3.12")])
    assert (refusal.pin, refusal.python) == ("built==2.0", "3.12")
    assert "it has no wheel" in str(refusal)


def test_every_refused_pin_is_told_and_two_versions_of_a_name_are_two_pins(
    publish: Publish,
) -> None:
    for version, requires in (("1.0", ">=3.8"), ("2.0", "<3.11"), ("3.0", "<3.11")):
        publish("some", version, requires)
    pins = [(f"some=={version}.0", "3.12") for version in (1, 2, 3)]
    assert [refusal.pin for refusal in refusals(pins)] == ["some==2.0", "some==3.0"]


def test_an_index_that_does_not_answer_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(IndexUnreachableError, match="connection broken"):
        refusals([("some==1.0", "3.12")])


def test_markers_are_those_of_the_python_that_is_asked_about() -> None:
    lock = (
        "# a==1\nnumpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\nuv==0.13 \\\n"
    )
    assert pins_of(lock, "3.11") == ["numpy==2.4.6", "uv==0.13"]
    assert pins_of(lock, "3.12") == ["numpy==2.5.5", "uv==0.13"]
