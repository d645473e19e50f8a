"""Servers that people put in front of the function, as they are installed."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.network.ports import free_port, wait_until_it_listens
from tests.support.programs.installed import find_program

_NGINX = """
user {user}; daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{ proxy_pass {url}; }}
  }}
}}
"""
_CADDY = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  reverse_proxy {address}
}}
"""


@contextmanager
def behind(proxy: str, url: str, folder: Path) -> Iterator[str]:
    """Puts a proxy in front of a server.

    Args:
        proxy: "nginx", "caddy", or "none".
        url: of the server.
        folder: for what it writes.

    Yields:
        the URL to ask.
    """
    if proxy == "none":
        yield url
        return
    port = free_port()
    configuration = folder / f"{proxy}.conf"
    if proxy == "nginx":
        text = _NGINX.format(user=getpass.getuser(), folder=folder, port=port, url=url)
        command = [find_program("nginx", "/usr/sbin/nginx"), "-c", str(configuration)]
        command += ["-p", str(folder), "-e", "stderr"]
    else:
        text = _CADDY.format(port=port, address=url.removeprefix("http://"))
        command = [find_program("caddy"), "run", "--adapter=caddyfile"]
        command += [f"--config={configuration}"]
    configuration.write_text(text, encoding="utf-8")
    output = folder / f"{proxy}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin"},
        )
    try:
        wait_until_it_listens(process, port, output.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
