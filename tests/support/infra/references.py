"""Which computed attributes a Terraform configuration refers to, and which of them are mocked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a resource or a data source.

    Attributes:
        kind: `resource` or `data`.
        type: Such as `google_service_account`.
        name: Name of the block in its module.
        names: The attribute; before it, the blocks that it is in.
    """

    kind: str
    type: str
    name: str
    names: tuple[str, ...]

    @property
    def address(self) -> str:
        """Address of the block in its module, such as `data.google_project.project`."""
        return f"{'data.' if self.kind == 'data' else ''}{self.type}.{self.name}"

    def __str__(self) -> str:
        """What a mock of it is called, such as `resource google_service_account.email`."""
        return f"{self.kind} {self.type}.{'.'.join(self.names)}"


def references(text: str) -> Iterator[Attribute]:
    """The attributes that a part of a configuration refers to.

    Args:
        text: In Terraform's language; a block's `self` counts as its address.
    """
    for found in _REFERENCE.finditer(_BLOCK.sub(_without_self, text)):
        names = re.sub(r"\[\d+\]", "", found["path"]).strip(".").split(".")
        kind = "data" if found["data"] else "resource"
        yield Attribute(kind, found["type"], found["name"], tuple(names))


def is_computed(schema: Mapping[str, Any], attribute: Attribute) -> bool:
    """Whether the provider gives an attribute a value where the configuration gives none.

    Args:
        schema: What `terraform providers schema -json` prints of the one provider.
        attribute: Attribute of one of its resources or data sources.
    """
    kinds = "resource_schemas" if attribute.kind == "resource" else "data_source_schemas"
    block = schema[kinds][attribute.type]["block"]
    *blocks, last = attribute.names
    for name in blocks:
        if name not in block.get("block_types", {}):
            break
        block = block["block_types"][name]["block"]
    return bool(block["attributes"].get(last, {}).get("computed"))


def computed_references(folder: Path, schema: Mapping[str, Any]) -> dict[str, str]:
    """What the provider computes, and another part of the configuration takes.

    Args:
        folder: Folder of the configuration; every .tf file below it is read.
        schema: What `terraform providers schema -json` prints of the one provider.

    Returns:
        The file of one reference by what a mock of its attribute is called.
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
            for attribute in references(text):
                body = bodies[attribute.kind, attribute.type, attribute.name]
                is_set = re.search(rf"^\s+{attribute.names[0]}\s*=", body, re.MULTILINE)
                if not is_set and is_computed(schema, attribute):
                    found[str(attribute)] = str(path.relative_to(folder))
    return found


def mocked_attributes(mocks: Path) -> dict[str, str]:
    """What a file of mocks gives a value to, named as `computed_references` does, and the value."""
    found: dict[str, str] = {}
    for mock in _MOCK.finditer(mocks.read_text(encoding="utf-8")):
        inner = re.findall(r"(\w+)\s*=\s*\{([^{}]*)\}", mock["body"])
        bodies = {f"{block}.": body for block, body in inner if block != "defaults"}
        bodies[""] = re.sub(r"\w+\s*=\s*\{[^{}]*\}", "", mock["body"].split("{", 1)[1])
        if inner and inner[0][0] == "defaults":
            bodies[""] = inner[0][1]
        found |= {
            f"{mock['kind']} {mock['type']}.{prefix}{name}": value
            for prefix, body in bodies.items()
            for name, value in re.findall(r'(\w+)\s*=\s*"?([^"\n}]*)', body)
        }
    return found


def _without_self(block: re.Match[str]) -> str:
    """A block that calls itself by its address, as others would."""
    data = "data." if block["kind"] == "data" else ""
    return re.sub(r"\bself\.", f"{data}{block['type']}.{block['name']}.", block[0])
