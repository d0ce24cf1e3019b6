"""A report as PDF: what its pages say, that nothing is fetched for it, and what is said where it cannot be made."""

from __future__ import annotations

import builtins
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.errors import UsageError
from orchestrator.files.pdf import pdf
from orchestrator.files.reports import html
from orchestrator.report.document import Document, Section
from tests.support.absent import SERVICE_ABSENT

AT = "2026-07-01T09:30:00.000Z"


def _printed(page: str) -> bytes:
    try:
        return pdf(page, AT)
    except UsageError as error:
        pytest.skip(f"{SERVICE_ABSENT} {error.what}")


def _streams(raw: bytes) -> bytes:
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL)
    return b"\n".join(_inflated(one) for one in found)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def _long(rows: int) -> str:
    table = Section("A table", "It goes on.", ("word", "number"), [(f"row{n}", str(n)) for n in range(rows)])
    return html(Document("A report", "Of a day", [table], about=["Nobody is in it."]))


def test_it_is_tagged_and_has_its_language_and_its_time() -> None:
    raw = _printed(_long(3))
    plain = raw + _streams(raw)
    assert raw.startswith(b"%PDF-1.7")
    assert b"/Lang (en)" in plain
    assert b"/MarkInfo" in plain
    assert b"/StructTreeRoot" in plain
    assert b"D:20260701093000Z" in plain


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason=f"{SERVICE_ABSENT} pdftotext (poppler-utils)")
def test_every_page_has_its_number_and_the_head_of_its_table(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(_printed(_long(150)))
    pages = _text(file).split("\f")[:-1]
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("word" in page) == ("row" in page)
    assert [n for page in pages for n in re.findall(r"row(\d+)", page)] == [str(n) for n in range(150)]


def _text(file: Path) -> str:
    command = [cast("str", shutil.which("pdftotext")), "-layout", str(file), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    secret = tmp_path / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>SECRET</text></svg>')
    calls: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *given: calls.append(given))
    page = _long(1).replace(
        "<main>", f'<main><img src="http://127.0.0.1:9/a.png" alt=""><img src="{secret.as_uri()}" alt="">'
    )
    raw = _printed(page)
    assert calls == []
    assert b"SECRET" not in raw + _streams(raw)


@pytest.mark.parametrize(
    ("error", "fix"),
    [(ImportError("x"), "pip install 'expunge[pdf]'"), (OSError("cannot load library 'x': gone"), "libpango-1.0-0")],
)
def test_what_is_missing_is_told_with_its_fix(monkeypatch: pytest.MonkeyPatch, error: Exception, fix: str) -> None:
    real: Any = builtins.__import__

    def missing(name: str, *given: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise error
        return real(name, *given, **more)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError) as caught:
        pdf("<p>", AT)
    assert fix in (caught.value.fix or "")
