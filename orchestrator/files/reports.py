"""A report as one HTML file: static, everything escaped, no script, nothing from outside."""

from __future__ import annotations

from typing import Final

import jinja2

from orchestrator.report.charts import WIDTH, charts
from orchestrator.report.figures import Report
from orchestrator.report.sections import NOTES, glance, sections
from orchestrator.report.writing import EMPTY, TITLE, period_words

_PAGES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("orchestrator.files"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def html(report: Report) -> str:
    """Give the page."""
    return _PAGES.get_template("report.html").render(
        title=TITLE,
        period=period_words(report),
        empty=EMPTY if report.empty else "",
        glance=glance(report),
        sections=sections(report),
        charts=charts(report),
        width=WIDTH,
        notes=NOTES,
    )
