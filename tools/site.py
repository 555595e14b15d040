"""The hooks by which MkDocs builds the site from the files that people read in the repository too.

Files that stand elsewhere than in docs/ become pages: README.md is the first page, and each file that a page links to,
such as an example, is shown as a page of its code. Links stay as they are in the repository, and are turned to these
pages here. The notebook is run, and shown with what it prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

__all__ = ["on_files", "on_page_markdown", "on_startup"]

_ROOT = Path(__file__).resolve().parent.parent
_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "docker/README.md": "container.md",
    "dali_ssd/bench/README.md": "design/bench.md",
    "dali_ssd/gluon/README.md": "design/gluon.md",
    "dali_ssd/graph/README.md": "design/graph.md",
    "dali_ssd/loader/README.md": "design/loader.md",
    "dali_ssd/records/README.md": "design/records.md",
    "examples/tour.ipynb": "tour.md",
}
"""Pages that are written elsewhere than in docs/: their files, and where they are on the site."""
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
_LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".sh": "sh"}


def on_startup(**_: Any) -> None:
    """Let this module keep what it has read from one build of `mkdocs serve` to the next."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages whose files are not in docs/, and those of the files that pages link to."""
    docs = [Path(config.docs_dir) / file.src_uri for file in files.documentation_pages()]
    shown: set[str] = set()
    for path in [*docs, *(_ROOT / name for name in _PAGES)]:
        shown |= {target for _, target in _links(path) if _uri(target).startswith("source/")}
    for name, uri in _PAGES.items():
        files.append(File.generated(config, uri, content=_text(_ROOT / name)))
    for name in sorted(shown):
        page = File.generated(config, _uri(name), content=_listing(name), inclusion=InclusionLevel.NOT_IN_NAV)
        files.append(page)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files of the repository to links between pages of the site."""
    uri = page.file.src_uri
    source = _ROOT / next((name for name, of_site in _PAGES.items() if of_site == uri), f"docs/{uri}")

    def on_site(found: re.Match[str]) -> str:
        target = _target(source, found[1])
        return found[1] if target is None else os.path.relpath(_uri(target), PurePosixPath(uri).parent)

    return _LINK.sub(on_site, markdown)


def _links(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each link of a page to a file of the repository, as it is written and as a path from the root."""
    for link in _LINK.findall(_text(path)):
        target = _target(path, link)
        if target is not None:
            yield link, target


def _target(source: Path, link: str) -> str | None:
    """Return the file of the repository that a link leads to, None if it leads elsewhere."""
    path = Path(os.path.normpath(source.parent / link))
    return path.relative_to(_ROOT).as_posix() if path.is_file() and path.is_relative_to(_ROOT) else None


def _uri(name: str) -> str:
    """Return where a file of the repository is on the site."""
    return _PAGES.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else f"source/{name}.md")


def _listing(name: str) -> str:
    """Return a page that shows a file."""
    language = _LANGUAGES.get(Path(name).suffix, "text")
    return f"# {name}\n\n`````{language}\n{(_ROOT / name).read_text(encoding='utf-8')}`````\n"


def _text(path: Path) -> str:
    if path.suffix == ".ipynb":
        from tools.notebook import as_markdown

        return as_markdown(path)
    return path.read_text(encoding="utf-8")
