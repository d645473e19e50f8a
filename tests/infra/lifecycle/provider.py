"""Whether Terraform's provider is the real one."""

from __future__ import annotations

from pathlib import Path

from tests.infra.lifecycle.cloud.fake import FakeCloud
from tests.infra.lifecycle.deployment import BACKEND, Deployment
from tests.support.places import INFRA

_QUESTION = 'data "google_project" "question" {\n  project_id = "example-project"\n}\n'


def asks_google(folder: Path, cloud: FakeCloud) -> bool | None:
    """Whether the provider sends requests; a stand-in knows no more than the arguments' names.

    Args:
        folder: an empty one.
        cloud: that would get the requests.

    Returns:
        None where there is no provider at all.
    """
    versions = (INFRA / "modules" / "model_bucket" / "versions.tf").read_text(encoding="utf-8")
    (folder / "main.tf").write_text(versions + BACKEND + _QUESTION, encoding="utf-8")
    question = Deployment(folder, cloud)
    if question.run("init", "-input=false").returncode:
        return None
    question.run("plan", "-input=false")
    return any(path.startswith("cloudresourcemanager/") for _, path, _ in cloud.journal)
