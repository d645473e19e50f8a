"""Operations: changes that an API takes its time for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError, not_found
from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.cloud.kinds import Answer


@dataclass
class _Operation:
    name: str
    answer: Answer
    polls: int
    finish: Callable[[], Mapping[str, Any]]
    result: Mapping[str, Any] | None = None
    error: CloudError | None = None


class Operations:
    """All operations, by path."""

    def __init__(self) -> None:
        self._at: dict[str, _Operation] = {}

    def begin(
        self,
        parent: str,
        answer: Answer,
        fault: Fault | None,
        finish: Callable[[], Mapping[str, Any]],
        fail: Callable[[], None],
    ) -> dict[str, Any]:
        """The operation's document; without a fault it has ended already.

        Args:
            parent: path that operations are below: of the project, or of the location in it.
            answer: the kind of document.
            fault: how many polls it takes, and whether it fails.
            finish: does what the operation does, and gives the resource.
            fail: does what is left of it when it fails.
        """
        name = f"operation-{len(self._at) + 1}"
        path = f"{parent}/operations/{name}"

        def end() -> Mapping[str, Any]:
            if fault is not None and fault.fails:
                fail()
                raise CloudError(400, fault.message, fault.reason)
            return finish()

        self._at[path] = _Operation(name, answer, fault.polls if fault else 0, end)
        return self._document(path)

    def poll(self, path: str) -> dict[str, Any]:
        """The document of an operation, one poll nearer to its end.

        Raises:
            CloudError: 404, there is none.
        """
        if path not in self._at:
            raise not_found(path)
        self._at[path].polls -= 1
        return self._document(path)

    def finish(self) -> None:
        """Ends all of them."""
        for path, operation in self._at.items():
            operation.polls = 0
            self._document(path)

    def _document(self, path: str) -> dict[str, Any]:
        operation = self._at[path]
        if operation.polls <= 0 and operation.result is None and operation.error is None:
            try:
                operation.result = dict(operation.finish())
            except CloudError as error:
                operation.error = error
        has_ended = operation.result is not None or operation.error is not None
        if operation.answer is Answer.COMPUTE:
            return _compute(path, operation, has_ended=has_ended)
        document: dict[str, Any] = {"name": "/".join(path.split("/")[2:]), "done": has_ended}
        if operation.error is not None:
            document["error"] = {"code": operation.error.number, "message": operation.error.message}
        elif has_ended:
            document["response"] = operation.result
        return document


def _compute(path: str, operation: _Operation, *, has_ended: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": "compute#operation",
        "name": operation.name,
        "status": "DONE" if has_ended else "RUNNING",
    }
    if "/regions/" in path:
        document["region"] = path.split("/")[5]
    if operation.error is not None:
        error = {"code": operation.error.reason, "message": operation.error.message}
        document["error"] = {"errors": [error]}
    return document
