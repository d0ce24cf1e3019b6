from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.files import stream
from connectors.files.dates import add_months
from tests.unit.connectors.files.store import EVENTS, TEXT, Store, subject

NOISE = st.binary(max_size=40).filter(lambda raw: b"\n" not in raw)
ADDRESSES = st.sampled_from([b"10.0.0.1", b"10.0.0.11", b"110.0.0.1", b"10.0.0.2", b"10.0.0.1.9"])
LINES = st.lists(
    st.one_of(
        NOISE.map(lambda raw: (raw, None)),
        st.tuples(NOISE, ADDRESSES, NOISE).map(lambda t: (t[0] + b" " + t[1] + b" " + t[2], t[1])),
    ),
    max_size=30,
)
ENDINGS = st.sampled_from([b"\n", b"\r\n"])


@given(lines=LINES, ending=ENDINGS, last=st.booleans(), packed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_hers_go_and_the_others_stay_byte_for_byte(
    lines: list[tuple[bytes, bytes | None]], ending: bytes, last: bool, packed: bool
) -> None:
    name = "a.log.gz" if packed else "a.log"
    raw = [line + ending for line, _ in lines]
    if raw and not last:
        raw[-1] = raw[-1].removesuffix(ending)
    content = b"".join(raw)
    if not packed and content.startswith((*stream._OTHER_FORMATS, stream._GZIP)):
        content, raw = b"-" + content, [b"-" + raw[0], *raw[1:]]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), TEXT)
        store.put(name, content)
        before = store.holding(subject(ip="10.0.0.1"))
        report = store.erase(subject(ip="10.0.0.1"))
        hers = [address == b"10.0.0.1" for _, address in lines]
        assert store.get(name) == b"".join(one for one, gone in zip(raw, hers, strict=True) if not gone)
        assert sorted(before.keys) == sorted(report.erased)
        assert len(set(report.erased)) == sum(hers)
        assert store.count(ip="10.0.0.1") == 0
        assert set(store.look(subject(ip="10.0.0.1"), report.erased).values()) <= {"gone"}


EMAILS = st.sampled_from(["ada@x.org", "ADA@x.org", " ada@X.org", "bob@x.org", "xada@x.org", "ada@x.orgs"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {"user": st.fixed_dictionaries({"email": EMAILS}), "note": st.text(max_size=20) | EMAILS},
        optional={"id": st.integers()},
    ),
    max_size=20,
)


def _escaped(row: object, how: int) -> bytes:
    text = json.dumps(row, ensure_ascii=how != 0)
    if how == 2:
        text = text.replace("@", "\\u0040")
    if how == 3:
        text = text.replace("x.org", "\\u0078.or\\u0067")
    return text.encode("utf-8", "surrogatepass" if how else "replace")


@given(rows=ROWS, how=st.lists(st.integers(0, 3), min_size=20, max_size=20))
@settings(max_examples=60, deadline=None)
def test_mapped_field_decides_however_json_spells_it(rows: list[dict[str, dict[str, str]]], how: list[int]) -> None:
    raw = [_escaped(row, spelling) + b"\n" for row, spelling in zip(rows, how, strict=False)]
    hers = [row["user"]["email"].strip().lower() == "ada@x.org" for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), EVENTS, kind="events")
        store.put("a.jsonl", b"".join(raw))
        assert len(store.erase(subject(email="ada@x.org")).erased) == sum(hers)
        assert store.get("a.jsonl") == b"".join(one for one, gone in zip(raw, hers, strict=True) if not gone)


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 64))
def test_chunks_end_at_line_ends_and_lose_nothing(parts: list[bytes], size: int) -> None:
    content = b"\n".join(parts)
    seen = list(stream.chunks(io.BytesIO(content), size))
    assert b"".join(chunk for _, chunk in seen) == content
    assert all(chunk.endswith(b"\n") for _, chunk in seen[:-1])
    assert [offset for offset, _ in seen] == [sum(len(c) for _, c in seen[:n]) for n in range(len(seen))]
    lines = content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
    assert sum(stream.lines_in(chunk) for _, chunk in seen) == lines


@given(st.dates(), st.integers(0, 1200))
def test_months_are_added_without_overflow(date: object, months: int) -> None:
    text = str(date)
    later = add_months(text, months)
    assert later >= text or later == "9999-12-31"
    assert int(later[8:]) <= int(text[8:]) or later == "9999-12-31"
