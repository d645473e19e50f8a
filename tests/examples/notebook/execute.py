"""Executes a notebook, as Jupyter does, and writes it with its outputs.

python execute.py NOTEBOOK FOLDER OUTPUT
"""

from __future__ import annotations

import sys

import nbformat
from nbclient import NotebookClient

if __name__ == "__main__":
    path, folder, output = sys.argv[1:]
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    nbformat.write(notebook, output)
