"""Requests are answered whether or not the log can be written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.server.serving import running

GOOD = json.dumps({"instances": [[0.25, 0.5, 0.75, 1.0]]}).encode()
STDOUT = {"closed": ">&-", "full": ">/dev/full", "broken": "> >(exec true)"}


@pytest.mark.parametrize("target", ["predict", "predict_wsgi"])
@pytest.mark.parametrize("stdout", STDOUT)
def test_answers_do_not_depend_on_the_log(
    quick: Path, tmp_path: Path, stdout: str, target: str
) -> None:
    settings = {"MODEL_REGISTRY": str(quick), "MODELS": "iris"}
    prefix = ("bash", "-c", f'exec "$@" {STDOUT[stdout]}', "bash")
    with running(target, settings, tmp_path, prefix=prefix) as f:
        for _ in range(3):
            assert f.post("/predict", GOOD).status_code == 200
            assert f.post("/predict", b"[]").status_code == 400
            assert f.get("/nowhere").status_code == 404
        assert f.stop() == 0
    # What it says about itself goes to stderr, once for each of its two processes at most.
    assert 1 <= f.output().count("log lines are lost") <= 2
    assert "Traceback" not in f.output()
