"""Links to copies: only the code downloads, looking uses nothing up, what is over is over everywhere (ADR 47)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.api import pages
from orchestrator.api.handing_over import MOST, application
from orchestrator.engine.handing import CODE_LIVES, DOWNLOADS, TRIES, Links, Made, judge
from orchestrator.errors import UsageError
from orchestrator.ports import LinkRow
from orchestrator.runtime.clock import chance
from schemas.requests import Right
from tests.support.rig import PostgresRig, Rig, Templates


class Desk:
    """A copy that is ready, and what hands it over."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.seed(SUBJECT, OTHER)
        rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
        rig.pump()
        self.links = Links(rig.store, rig.keys, rig.clock, chance)
        self.web = TestClient(application(self.links, rig.settings.exports))

    def make(self, **how: Any) -> Made:
        return self.links.make("r1", "dpo", **how)

    def post(self, made: Made, code: str | None = None, **how: Any) -> Any:
        return self.web.post(f"/{made.token}", data={"code": made.code if code is None else code}, **how)

    def row(self, made: Made) -> LinkRow:
        (one,) = (one for one in self.links.of("r1") if one.link_id == made.link_id)
        return one


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Desk]:
    if request.param == "sqlite":
        rig = Rig(tmp_path / "home", templates)
    else:
        rig = PostgresRig(tmp_path / "home", templates, request.getfixturevalue("postgres"))
    yield Desk(rig)
    rig.close()


@pytest.fixture
def here(rig: Rig) -> Desk:
    return Desk(rig)


def wrong(made: Made) -> str:
    return f"{(int(made.code) + 1) % 10**8:08}"


def test_the_code_downloads_the_whole_copy_and_every_download_counts(desk: Desk) -> None:
    made = desk.make()
    for left in (2, 1, 0):
        answer = desk.post(made, f" {made.code[:4]} {made.code[4:]} ")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="copy.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.content)) as copy:
            assert copy.testzip() is None
            assert "index.html" in copy.namelist()
        assert desk.row(made).left == left
    assert desk.post(made).status_code == 410
    assert desk.web.get(f"/{made.token}").status_code == 410
    assert desk.row(made).begun == DOWNLOADS


def test_a_mail_scanner_burns_nothing(here: Desk) -> None:
    made = here.make()
    before = here.row(made)
    for _ in range(20):
        assert here.web.get(f"/{made.token}").status_code == 200
        assert here.web.head(f"/{made.token}").status_code == 200
    assert here.row(made) == before
    # One that even sends the form it finds, empty or with anything in it, locks nobody out.
    for data in ({}, {"code": ""}, {"code": "test@example.org"}, {"code": "1234567"}, {"other": "x"}):
        assert here.web.post(f"/{made.token}", data=data).status_code == 400
    assert here.web.post(f"/{made.token}", files={"code": ("x", b"12345678")}).status_code == 400
    after = here.row(made)
    assert (after.left, after.tries, after.begun) == (DOWNLOADS, TRIES, 0)
    assert after.refused == 6
    assert here.post(made).status_code == 200


def test_five_wrong_codes_end_the_code_and_a_new_one_opens_again(desk: Desk) -> None:
    made = desk.make()
    for left in range(TRIES - 1, -1, -1):
        answer = desk.post(made, wrong(made))
        assert answer.status_code == 403
        assert desk.row(made).tries == left
    assert desk.post(made).status_code == 403, "the right one comes too late"
    assert "new one" in desk.post(made).text
    code, _ = desk.links.new_code(made.link_id)
    assert desk.post(made, code).status_code == 200
    assert desk.row(made).begun == 1


def test_a_code_lives_a_day_and_a_link_a_week(here: Desk) -> None:
    made = here.make()
    here.rig.clock.move(seconds=CODE_LIVES.total_seconds() - 1)
    assert here.post(made).status_code == 200
    here.rig.clock.move(seconds=1)
    assert here.post(made).status_code == 403
    code, _ = here.links.new_code(made.link_id)
    assert here.post(made, code).status_code == 200
    here.rig.clock.move(days=6, seconds=-1)
    code, _ = here.links.new_code(made.link_id)
    assert here.web.get(f"/{made.token}").status_code == 200
    here.rig.clock.move(seconds=1)
    assert here.post(made, code).status_code == 410
    assert here.web.get(f"/{made.token}").status_code == 410
    with pytest.raises(UsageError, match="opens nothing"):
        here.links.new_code(made.link_id)


def test_an_expired_package_and_a_revoked_link_open_nothing(here: Desk) -> None:
    made = here.make(days=31)
    other = here.make(days=31, verified_again=True)
    here.links.revoke(other.link_id)
    assert here.post(other).status_code == 410
    assert here.post(made).status_code == 200
    here.rig.clock.move(days=30, hours=1)
    here.rig.pump()
    assert here.web.get(f"/{made.token}").status_code == 410
    assert here.post(made).status_code == 410
    with pytest.raises(UsageError, match=r"expired|no package"):
        here.make(verified_again=True)


def test_a_second_link_needs_somebody_to_say_that_it_is_the_same_person(here: Desk) -> None:
    here.make()
    with pytest.raises(UsageError, match="a link to this copy before"):
        here.make()
    here.make(verified_again=True)
    assert len(here.links.of("r1")) == 2


@pytest.mark.parametrize("how", [{"days": 0}, {"days": 32}, {"downloads": 0}, {"downloads": 11}])
def test_a_link_that_lives_for_ever_is_refused(here: Desk, how: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        here.make(**how)


def test_a_name_is_no_role_and_an_erasure_has_no_copy(here: Desk) -> None:
    with pytest.raises(UsageError, match="role"):
        here.links.make("r1", "Ada Lovelace")
    here.rig.submit("r2", email=OTHER.email)
    here.rig.pump()
    with pytest.raises(UsageError, match="no package"):
        here.links.make("r2", "dpo")
    with pytest.raises(UsageError, match=r"no request|not known"):
        here.links.make("nobody", "dpo")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/x",
        "/" + "A" * 43,
        "/" + "A" * 42 + "%00",
        "/../../etc/passwd",
        "/%2e%2e/x",
        "/" + "é" * 43,
        "/" + "A" * 5000,
    ],
)
def test_what_is_no_link_is_not_found(here: Desk, path: str) -> None:
    made = here.make()
    for answer in (here.web.get(path), here.web.post(path, data={"code": made.code})):
        assert answer.status_code == 404
        assert SUBJECT.email not in answer.text
    assert here.web.put(f"/{made.token}").status_code == 405
    assert here.web.delete(f"/{made.token}").status_code == 405


def test_a_large_body_is_not_read(here: Desk) -> None:
    made = here.make()
    assert here.web.post(f"/{made.token}", content=b"code=" + b"1" * (10 << 20)).status_code == 413
    assert here.web.post(f"/{made.token}", content=b"\xff" * MOST).status_code == 400
    assert here.web.post(f"/{made.token}", content=b"&" * MOST).status_code == 400
    assert here.row(made).tries == TRIES


def test_many_at_once_get_no_download_and_no_try_too_many(desk: Desk) -> None:
    made = desk.make()
    others = [Links(desk.rig.open_store(), desk.rig.keys, desk.rig.clock, chance) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        wrongs = list(pool.map(lambda at: others[at % 4].take(made.token, wrong(made)).verdict, range(20)))
    assert sorted(wrongs) == ["code_dead"] * 15 + ["wrong_code"] * 5
    code, _ = desk.links.new_code(made.link_id)
    with ThreadPoolExecutor(8) as pool:
        rights = list(pool.map(lambda at: others[at % 4].take(made.token, code).verdict, range(12)))
    assert sorted(rights) == ["ended"] * 9 + ["good"] * 3
    for one in others:
        one._store.close()  # type: ignore[attr-defined]


def test_a_package_that_is_damaged_uses_nothing_up(here: Desk) -> None:
    made = here.make()
    (file,) = here.rig.settings.exports.glob("*.package")
    good = file.read_bytes()
    file.write_bytes(good[:40])
    assert here.post(made).status_code == 503
    file.unlink()
    assert here.post(made).status_code == 503
    assert here.row(made).left == DOWNLOADS
    file.write_bytes(good)
    assert here.post(made).status_code == 200


def test_every_answer_keeps_the_link_to_itself(here: Desk) -> None:
    made = here.make()
    answers = [here.web.get(f"/{made.token}"), here.web.get("/x"), here.post(made, wrong(made)), here.post(made)]
    for one in answers:
        assert one.headers["cache-control"] == "no-store"
        assert one.headers["referrer-policy"] == "no-referrer"
        assert one.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in one.headers["content-security-policy"]
        assert "set-cookie" not in one.headers
    for one in answers[:3]:
        assert made.token not in one.text
        assert "<script" not in one.text


def test_i04_neither_token_nor_code_is_in_the_store(here: Desk) -> None:
    made = here.make()
    here.post(made, wrong(made))
    here.post(made)
    here.rig.store.close()
    raw = b"".join(file.read_bytes() for file in here.rig.home.rglob("expunge.db*"))
    assert made.link_id.encode() in raw
    for secret in (made.token, made.code, made.token[10:30]):
        assert secret.encode() not in raw


def test_both_languages_say_the_same_and_a_browser_gets_its_own(here: Desk) -> None:
    assert {frozenset(one) for one in pages.SENTENCES.values()} == {frozenset(pages.SENTENCES["en"])}
    for key, text in pages.SENTENCES["en"].items():
        wanted = sorted(re.findall(r"\{\w+\}", text))
        assert sorted(re.findall(r"\{\w+\}", pages.SENTENCES["fr"][key])) == wanted, key
    made = here.make()
    page = here.web.get(f"/{made.token}", headers={"Accept-Language": "de, fr-FR;q=0.8, en;q=0.5"}).text
    assert '<html lang="fr">' in page
    assert "Récupérer la copie" in page


@given(st.text(max_size=60))
def test_any_accept_language_gives_a_language(text: str) -> None:
    assert pages.language(text) in pages.SENTENCES


ROW = LinkRow(b"t" * 32, "l", "r", "2026-01-01", "dpo", "2026-02-01", 3, b"c", "2026-01-02", 5)


CODES = st.one_of(st.none(), st.text(max_size=9), st.from_regex(r"[0-9]{8}", fullmatch=True))
MOMENTS = st.sampled_from(["2026-01-01", "2026-01-03", "2026-03-01"])


@given(left=st.integers(-1, 3), tries=st.integers(-1, 5), revoked=st.booleans(), now=MOMENTS, code=CODES)
def test_nothing_wrong_ever_opens_or_gives_more(
    left: int, tries: int, revoked: bool, now: str, code: str | None
) -> None:
    row = msgspec.structs.replace(ROW, left=left, tries=tries, revoked_at="2026-01-01" if revoked else None)
    verdict, after = judge(row, code, b"k", now)
    assert verdict != "good"
    assert after.left == row.left
    assert row.tries - 1 <= after.tries <= row.tries
    if code is None or verdict == "ended":
        assert after == row
