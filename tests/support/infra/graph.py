"""Dependencies between the resources of a Terraform configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_EDGE = re.compile(r'^\s*"(?P<of>[^"]+)" -> "(?P<on>[^"]+)";$', re.MULTILINE)
_BLOCK = re.compile(
    r'^resource "(?P<type>\w+)" "(?P<name>\w+)" \{(?P<body>.*?)^\}', re.DOTALL | re.MULTILINE
)
_MODULE = re.compile(
    r'^module "(?P<name>\w+)" \{\s*(?:#[^\n]*\s*)*source\s*=\s*"\./modules/(?P<folder>\w+)"',
    re.MULTILINE,
)


def created_before_destroyed(graph: str, folder: Path) -> dict[str, str]:
    """The resources whose replacement is made before the former one is deleted.

    Terraform spreads `create_before_destroy` to whatever such a resource depends on, however far:
    its order of steps would have a cycle otherwise.

    Args:
        graph: What `terraform graph` prints of the root module.
        folder: Folder of the root module, whose own modules are in `modules/`.

    Returns:
        By the address of each resource, without instance keys, the address of the one that says
        `create_before_destroy`.
    """
    edges: dict[str, list[str]] = {}
    for edge in _EDGE.finditer(graph):
        edges.setdefault(edge["of"], []).append(edge["on"])
    found: dict[str, str] = {}
    for asking in _asking(folder):
        waiting = [asking]
        while waiting:
            address = waiting.pop()
            if address not in found:
                found[address] = asking
                waiting += edges.get(address, [])
    return found


def _asking(folder: Path) -> list[str]:
    modules: Mapping[str, str] = {
        module["name"]: module["folder"]
        for path in sorted(folder.glob("*.tf"))
        for module in _MODULE.finditer(path.read_text(encoding="utf-8"))
    }
    places = {"": folder} | {
        f"module.{name}.": folder / "modules" / module for name, module in modules.items()
    }
    return [
        f"{prefix}{block['type']}.{block['name']}"
        for prefix, place in places.items()
        for path in sorted(place.glob("*.tf"))
        for block in _BLOCK.finditer(path.read_text(encoding="utf-8"))
        if re.search(r"create_before_destroy\s*=\s*true", block["body"])
    ]
