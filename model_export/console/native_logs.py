"""Suppresses the C++ logs of TensorFlow and LiteRT, unless a command fails."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from model_export.errors import ExportError


@contextmanager
def native_logs_held_back() -> Iterator[TextIO]:
    """Redirects the process's stderr to a file while the block runs.

    Both libraries log from C++ before any setting can reach them. What they said is printed after
    all if the block ends in a bug; an `ExportError` explains itself.

    Yields:
        the real stderr, for what people should see meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(real), "w", buffering=1) as stderr:
        os.dup2(held.fileno(), 2)
        try:
            yield stderr
        except ExportError:
            raise
        except BaseException:
            held.seek(0)
            stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
