"""A notebook, run from its first cell to its last, as a page of the site."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["as_markdown", "run"]


def as_markdown(path: Path) -> str:
    """Return a notebook with what its cells print and show, as Markdown."""
    return _as_markdown(path.read_text(encoding="utf-8"))


def run(text: str) -> Any:
    """Run a notebook in an empty folder and return it with its outputs; raises CellExecutionError if a cell does."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(text, as_version=4)
    quiet = ["--IPKernelApp.log_level=ERROR"]  # it warns that its sockets, which only this machine reaches, are open
    with tempfile.TemporaryDirectory() as folder:
        settings = {"kernel_name": "python3", "timeout": 600, "resources": {"metadata": {"path": folder}}}
        return NotebookClient(notebook, extra_arguments=quiet, **settings).execute()


@functools.cache  # of `mkdocs serve`, which reads all pages with each change
def _as_markdown(text: str) -> str:
    return "\n\n".join(part for cell in run(text).cells for part in _of_cell(cell)) + "\n"


def _of_cell(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
    elif cell.source:
        yield f"```python\n{cell.source}\n```"
        # A reader of the site needs no progress bars and notes.
        yield from (_of_output(output) for output in cell.outputs if output.get("name") != "stderr")


def _of_output(output: Any) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    data = output.data
    if "text/html" in data:
        return f'<div class="output">\n{data["text/html"]}\n</div>'
    if "image/png" in data:
        inline = data["image/png"].replace("\n", "")
        return f'<img class="output" alt="What the cell shows" src="data:image/png;base64,{inline}">'
    return f"```text\n{data['text/plain']}\n```"
