"""Which computed attributes a Terraform configuration refers to, and which of them are mocked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_REFERENCE = re.compile(
    r"\b(?P<data>data\.)?(?P<type>google_\w+)\.(?P<name>\w+)"
    r"(?:\[(?:[^\[\]]|\[[^\]]*\])*\])?"
    r"(?P<path>(?:\.\w+(?:\[\d+\])?)+)"
)
_BLOCK = re.compile(
    r'^(?P<kind>resource|data) "(?P<type>\w+)" "(?P<name>\w+)" \{(?P<body>.*?)^\}',
    re.DOTALL | re.MULTILINE,
)
_MOCK = re.compile(
    r'^mock_(?P<kind>resource|data) "(?P<type>\w+)" \{(?P<body>.*?)^\}', re.DOTALL | re.MULTILINE
)


def computed_references(folder: Path, schema: Mapping[str, Any]) -> dict[str, str]:
    """What the provider computes, and another part of the configuration takes.

    Args:
        folder: Folder of the configuration; every .tf file below it is read.
        schema: What `terraform providers schema -json` prints of the one provider.

    Returns:
        The file of one reference by its attribute: `resource google_service_account.name`,
        `data google_project.number`.
    """
    found: dict[str, str] = {}
    for module in sorted({path.parent for path in folder.rglob("*.tf")}):
        texts = {path: path.read_text(encoding="utf-8") for path in sorted(module.glob("*.tf"))}
        bodies = {
            (block["kind"], block["type"], block["name"]): block["body"]
            for text in texts.values()
            for block in _BLOCK.finditer(text)
        }
        for path, text in texts.items():
            for reference in _REFERENCE.finditer(_BLOCK.sub(_without_self, text)):
                kind = "data" if reference["data"] else "resource"
                names = re.sub(r"\[\d+\]", "", reference["path"]).strip(".").split(".")
                body = bodies[kind, reference["type"], reference["name"]]
                is_set = re.search(rf"^\s+{names[0]}\s*=", body, re.MULTILINE)
                if not is_set and _is_computed(schema, kind, reference["type"], names):
                    key = f"{kind} {reference['type']}.{'.'.join(names)}"
                    found[key] = str(path.relative_to(folder))
    return found


def _without_self(block: re.Match[str]) -> str:
    """A block that calls itself by its address, as others would."""
    data = "data." if block["kind"] == "data" else ""
    return re.sub(r"\bself\.", f"{data}{block['type']}.{block['name']}.", block[0])


def mocked_attributes(mocks: Path) -> set[str]:
    """The attributes that a file of mocks gives a value to, named as `computed_references` does."""
    found: set[str] = set()
    for mock in _MOCK.finditer(mocks.read_text(encoding="utf-8")):
        inner = re.findall(r"(\w+)\s*=\s*\{([^{}]*)\}", mock["body"])
        bodies = {f"{block}.": body for block, body in inner if block != "defaults"}
        bodies[""] = re.sub(r"\w+\s*=\s*\{[^{}]*\}", "", mock["body"].split("{", 1)[1])
        found |= {
            f"{mock['kind']} {mock['type']}.{prefix}{name}"
            for prefix, body in bodies.items()
            for name in re.findall(r"(\w+)\s*=", body)
        }
    return found


def _is_computed(schema: Mapping[str, Any], kind: str, of_type: str, names: list[str]) -> bool:
    kinds = "resource_schemas" if kind == "resource" else "data_source_schemas"
    block = schema[kinds][of_type]["block"]
    for name in names[:-1]:
        if name not in block.get("block_types", {}):
            break
        block = block["block_types"][name]["block"]
    attribute = block["attributes"].get(names[-1], {})
    return bool(attribute.get("computed"))
