"""A function in a process of its own, for as long as it is asked."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from model_export.errors import RegistryError
from model_export.registry.open import open_writable
from model_export.verification import local_server
from model_export.verification.local_server import local_function
from tests.support.models.tiny import publish_tiny


def test_a_function_listens_on_this_machine_until_the_block_ends(tmp_path: Path) -> None:
    registry, log = str(tmp_path / "registry"), tmp_path / "log"
    publish_tiny(open_writable(registry), tmp_path / "artifact")
    with local_function(registry, "iris", log) as url:
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}/") as response:  # noqa: S310  # ours
            assert orjson.loads(response.read())["models"][0]["name"] == "iris"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/")  # noqa: S310  # ours


def test_one_that_does_not_start_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_server, "_MAIN", tmp_path / "nothing.py")
    log = tmp_path / "log"
    with (
        pytest.raises(
            RegistryError, match=r"^the function did not start; its log:\n(?s:.)*nothing"
        ),
        local_function(str(tmp_path), "iris", log),
    ):
        pass
    assert "nothing.py" in log.read_text()
