"""What goes wrong, by script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event, Lock

from tests.infra.lifecycle.cloud.errors import CloudError
from tests.infra.lifecycle.cloud.request import Request


@dataclass
class Fault:
    """Something that happens to the next requests of a kind.

    Attributes:
        method: of the requests.
        path: a regular expression that is searched for in their path, `:verb` included.
        times: how many of them it happens to.
        status: the error that they are answered with; None where they are carried out.
        message: of the error, or of the operation's.
        reason: the error's machine-readable one.
        fails: whether the operation that they start ends with an error, as a build does.
        keeps: whether a change that failed so is what the function has from then on, in the state
            FAILED; otherwise it has what it had, and is ACTIVE.
        polls: how often that operation is asked for until it has ended.
        hold: what they wait for before they are carried out; None for nothing.
        reached: set as soon as one of them has come.
    """

    method: str
    path: str
    times: int = 1
    status: int | None = None
    message: str = "by script"
    reason: str = ""
    fails: bool = False
    keeps: bool = False
    polls: int = 0
    hold: Event | None = None
    reached: Event = field(default_factory=Event)

    def matches(self, request: Request) -> bool:
        """Whether the request is one of those."""
        path = request.path + (f":{request.verb}" if request.verb else "")
        return request.method == self.method and re.search(self.path, path) is not None


class Script:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._holding: list[Event] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Appends faults; of several that match, the first has its turn first."""
        with self._lock:
            for fault in faults:
                self._faults.append(fault)
                if fault.hold is not None:
                    self._holding.append(fault.hold)

    def clear(self) -> None:
        """Nothing goes wrong any more, and nobody waits any longer."""
        with self._lock:
            for event in self._holding:
                event.set()
            self._faults.clear()

    def meet(self, request: Request) -> Fault | None:
        """The fault that a request has, used up by one.

        Raises:
            CloudError: it is an error.
        """
        with self._lock:
            fault = next((one for one in self._faults if one.matches(request)), None)
            if fault is None:
                return None
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
        fault.reached.set()
        if fault.hold is not None:
            fault.hold.wait()
        if fault.status is not None:
            raise CloudError(fault.status, fault.message, fault.reason)
        return fault
