"""What a report is on paper: sections with tables. Its HTML, PDF and Markdown are made from this and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.report.charts import Chart


class Section(msgspec.Struct):
    """One part. ``rows``: cells as people read them; columns from ``numbers`` on are numbers. ``chart``: a name.

    ``none``: what is said where there is no row; ``wide``: its columns hold text, and share the width.
    """

    title: str
    said: str
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    numbers: int = 1
    after: str = ""
    chart: str = ""
    none: str = "None."
    wide: bool = False


class Document(msgspec.Struct):
    """A report as people read it.

    Attributes:
        said: Below the title: of which period it is, and when it was made.
        glance: What a reader wants to know first: (figure, what it is).
        warning: What has to be seen before everything else; empty: nothing.
        charts: By name; a section names the one that it shows.
        about: The last section, in sentences: how it was counted, what is not known. ``about_title`` is its title.
    """

    title: str
    said: str
    sections: Sequence[Section]
    glance: Sequence[tuple[str, str]] = ()
    warning: str = ""
    charts: dict[str, Chart] = {}
    about_title: str = "How it was counted"
    about: Sequence[str] = ()
