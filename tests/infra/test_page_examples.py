"""Examples of variables, in the pages and in infra/environments/, can be planned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.infra.terraform import assert_done, planned
from tests.support.places import INFRA, ROOT

HOSTS = 'hosts = { "api.example.com" = { function = "digits" } }'


def in_page(name: str, pattern: str) -> str:
    """The only text of a page that a pattern's group matches."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    (text,) = re.findall(pattern, page, re.DOTALL | re.MULTILINE)
    return str(text)


FIRST = in_page("7-deploy.md", r"cat > infra/my\.tfvars <<'END'\n(.*?)^ *END")
EDGE = in_page("7-deploy.md", r"^```hcl\n(models = .*?)^```")
SERVICE = in_page("11-cloud-run.md", r"^```hcl\n(models = .*?)^```")
IMAGE = in_page("11-cloud-run.md", r"^```hcl\n(digits = .*?)^```")
SOME = 'project_id = "my-project"\nenvironment = "staging"\n'


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(FIRST, id="first"),
        pytest.param(SOME + EDGE, id="edge"),
        pytest.param(f"{SOME}{SERVICE}\npublic_edge = {{ {HOSTS} }}\n", id="service"),
        pytest.param(
            f"{SOME}models = {{\n{IMAGE.replace('sha256:…', 'sha256:' + '0' * 64)}}}\n", id="image"
        ),
        *(
            pytest.param(
                f'project_id = "my-project"\n{path.read_text(encoding="utf-8")}', id=path.stem
            )
            for path in sorted((INFRA / "environments").glob("*.tfvars"))
        ),
    ],
)
def test_an_example_is_planned(infra: Path, variables: str) -> None:
    assert_done(planned(infra, f'bundle = "main.tf"\n{variables}'))
