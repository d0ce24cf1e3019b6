"""A report as one HTML file: static, everything escaped, no script, nothing from outside."""

from __future__ import annotations

from typing import Final

import jinja2

from orchestrator.report.charts import WIDTH
from orchestrator.report.document import Document

_PAGES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("orchestrator.files"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def html(document: Document) -> str:
    """Give the page."""
    return _PAGES.get_template("report.html").render(document=document, width=WIDTH)
