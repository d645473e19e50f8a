"""Licences of the packages that are deployed, as SPDX expressions, and which of them may be.

A package that is new in functions/requirements.txt is looked up by a person and written down here:
what packages say of themselves is a classifier, a text or nothing as often as it is an expression.
"""

from __future__ import annotations

import re

LICENCES = {
    "ai-edge-litert": "Apache-2.0",
    "anyio": "MIT",
    "backports-strenum": "MIT",
    "blinker": "MIT",
    "certifi": "MPL-2.0",
    "cffi": "MIT-0",
    "charset-normalizer": "MIT",
    "cityhash": "MIT",
    "click": "BSD-3-Clause",
    "cloudevents": "Apache-2.0",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "deprecation": "Apache-2.0",
    "filelock": "MIT",
    "flask": "BSD-3-Clause",
    "flatbuffers": "Apache-2.0",
    "fsspec": "BSD-3-Clause",
    "functions-framework": "Apache-2.0",
    "google-auth": "Apache-2.0",
    "gunicorn": "MIT",
    "h11": "MIT",
    "hf-xet": "Apache-2.0",
    "httpcore2": "BSD-3-Clause",
    "httptools": "MIT",
    "httpx2": "BSD-3-Clause",
    "huggingface-hub": "Apache-2.0",
    "idna": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markupsafe": "BSD-3-Clause",
    "ml-dtypes": "Apache-2.0",
    "numpy": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT)",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "pillow": "MIT-CMU",
    "protobuf": "BSD-3-Clause",
    "pyasn1": "BSD-2-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pycparser": "BSD-3-Clause",
    "pysimdjson": "MIT",
    "pyyaml": "MIT",
    "requests": "Apache-2.0",
    "sentencepiece": "Apache-2.0",
    "siphash24": "Apache-2.0 OR LGPL-2.1-or-later",
    "starlette": "BSD-3-Clause",
    "tokenizers": "Apache-2.0",
    "tqdm": "MPL-2.0 AND MIT",
    "truststore": "MIT",
    "typing-extensions": "PSF-2.0",
    "urllib3": "MIT",
    "uvicorn": "BSD-3-Clause",
    "uvicorn-worker": "BSD-3-Clause",
    "uvloop": "Apache-2.0 OR MIT",
    "watchdog": "Apache-2.0",
    "werkzeug": "BSD-3-Clause",
}
"""Licence of each package, by its normalized name."""

ALLOWED = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
    ]
)
"""Licences that ask for nothing of who deploys a package unchanged, beyond keeping its notices."""


class LicenceError(Exception):
    """A package has a licence that nobody looked up, or that is not allowed."""


def licence(package: str) -> str:
    """The licence of a package, an SPDX expression.

    Args:
        package: Normalized name of the package.

    Raises:
        LicenceError: nobody looked it up, or it is not allowed.
    """
    expression = LICENCES.get(package)
    if expression is None:
        raise LicenceError(
            f"{package}: expected its licence in delivery/licences.py, got none: look it up, and "
            "add it"
        )
    if not is_allowed(expression):
        raise LicenceError(
            f"{package}: expected one of {', '.join(sorted(ALLOWED))}, got {expression}: leave the "
            "package out, or allow the licence in delivery/licences.py if you keep what it asks for"
        )
    return expression


def is_allowed(expression: str) -> bool:
    """Whether each part of an SPDX expression, or an alternative to it, is allowed.

    Args:
        expression: Licences joined by AND, each of which may be alternatives joined by OR.
    """
    parts = re.split(r"\s+AND\s+", expression)
    return all(ALLOWED & set(re.split(r"\s+OR\s+", part.strip("()"))) for part in parts)
