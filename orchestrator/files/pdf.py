"""An HTML page as PDF, by WeasyPrint (the extra `pdf`). Nothing is fetched: neither from a network nor from a disk.

The PDF is tagged, has its language and its title, so that it can be read aloud (PDF/UA-1, ISO 14289-1).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, NoReturn

from orchestrator.errors import UsageError

EXTRA: Final = "pip install 'expunge[pdf]'"
LIBRARIES: Final = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
"""Packages of Debian and Ubuntu that WeasyPrint draws with, and a font."""


def pdf(page: str, made_at: str) -> bytes:
    """Print a page.

    Args:
        page: HTML that stands alone.
        made_at: When it was made, RFC 3339; it stands in the file's metadata.

    Raises:
        UsageError: the extra or a library of the system is missing.
    """
    weasyprint = _library()

    def finish(_: Any, made: Any) -> None:
        # The library would ask the machine's clock; a report is of one moment.
        moment = dt.datetime.fromisoformat(made_at).strftime("D:%Y%m%d%H%M%SZ")
        made.info["CreationDate"] = _text(moment)

    made: bytes = weasyprint.HTML(string=page, url_fetcher=_refuse).write_pdf(pdf_variant="pdf/ua-1", finisher=finish)
    return made


def _text(value: str) -> Any:
    import pydyf

    return pydyf.String(value)


def _library() -> Any:
    try:
        import weasyprint
    except ImportError:
        what = "a report is printed to PDF by WeasyPrint, which is not installed"
        raise UsageError(what, fix=f"{EXTRA}; or write .html and print it from a browser") from None
    except OSError as error:
        what = "WeasyPrint does not find a library of the system"
        fix = f"on Debian or Ubuntu: apt-get install {LIBRARIES}; or write .html and print it from a browser"
        raise UsageError(what, why=str(error).partition(":")[0], fix=fix) from None
    return weasyprint


def _refuse(*_: Any, **__: Any) -> NoReturn:
    """Fetch nothing: a page that stands alone asks for nothing."""
    msg = "nothing is fetched for a report"
    raise ValueError(msg)
