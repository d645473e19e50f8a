"""A real toxiproxy: it passes connections on, as badly as a test wants."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.network.ports import free_port, wait_until_it_listens
from tests.support.programs.installed import find_program


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs.

    Attributes:
        url: that clients are to use instead of the server's.
        api: of toxiproxy, for this proxy.
    """

    url: str
    api: str

    @contextmanager
    def poisoned(self, kind: str, **attributes: int) -> Iterator[None]:
        """What the server sends comes like this within the block.

        Source: https://github.com/Shopify/toxiproxy#toxics

        Args:
            kind: of the toxic: slicer, bandwidth, timeout, limit_data, reset_peer, …
            attributes: of it.
        """
        toxic = {"name": kind, "type": kind, "stream": "downstream", "attributes": attributes}
        requests.post(f"{self.api}/toxics", json=toxic, timeout=10).raise_for_status()
        try:
            yield
        finally:
            # With its connections, which a toxic may hold: the proxy is turned off and on again.
            requests.delete(f"{self.api}/toxics/{kind}", timeout=10).raise_for_status()
            for enabled in (False, True):
                requests.post(self.api, json={"enabled": enabled}, timeout=10).raise_for_status()


@contextmanager
def proxy_of(upstream: str) -> Iterator[Proxy]:
    """Starts a proxy in front of a server, and ends it afterwards.

    Without the program the test is skipped; where CI is set it fails.

    Args:
        upstream: URL of the server, with its port.
    """
    # `go install` names it after its folder.
    program = find_program("toxiproxy-server", "server")
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    command = [program, "-host", "127.0.0.1", "-port", str(port)]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until_it_listens(process, port, Path(log.name).read_text)
            listen = f"127.0.0.1:{free_port()}"
            proxy = {"name": "proxy", "listen": listen, "upstream": upstream.rpartition("/")[2]}
            requests.post(f"{api}/proxies", json=proxy, timeout=10).raise_for_status()
            yield Proxy(f"http://{listen}", f"{api}/proxies/proxy")
        finally:
            process.kill()
            process.wait()
