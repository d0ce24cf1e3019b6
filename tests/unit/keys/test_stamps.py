"""Time stamps of a local authority (``openssl ts``): what holds for us and for openssl, and what neither takes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import rfc3161_client as tsp

from orchestrator.errors import UsageError, VerificationError
from orchestrator.keys import stamps, trusting
from orchestrator.keys.stamps import PinnedAuthority
from orchestrator.ledger import notes
from orchestrator.ledger import stamps as carried
from orchestrator.ledger.notes import Checkpoint
from orchestrator.ledger.trust import LedgerKey, Trust
from tests.support.ledgers import PINNED, SIGNER
from tests.support.tsa import Tsa

TEXT = Checkpoint(SIGNER.name, 6, bytes(32)).text().encode()
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return Tsa(tmp_path_factory.mktemp("tsa") / "tsa.example")


def pinned(tsa: Tsa, now: dt.datetime | None = None) -> PinnedAuthority:
    return PinnedAuthority.of([tsa.root], now or dt.datetime.now(dt.UTC))


def refused(authority: PinnedAuthority, token: bytes, text: bytes = TEXT) -> str:
    with pytest.raises(VerificationError) as caught:
        authority.verify(token, text)
    return f"{caught.value.what}: {caught.value.why}"


def test_a_token_holds_for_us_and_for_openssl(tsa: Tsa) -> None:
    token = tsa.answer(stamps.request(TEXT))
    name, at = pinned(tsa).verify(token, TEXT)
    assert name == "CN=tsa.example"
    assert abs(dt.datetime.fromisoformat(at) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=2)
    assert tsa.holds(token, TEXT)
    assert stamps.request(TEXT) == stamps.request(TEXT), "no nonce: the same request for the same checkpoint"


def test_i13_a_token_of_something_else_or_of_somebody_else_is_refused(tsa: Tsa, tmp_path: Path) -> None:
    token, other = tsa.answer(stamps.request(TEXT)), Tsa(tmp_path / "other.example")
    longer = TEXT.replace(b"\n6\n", b"\n7\n")
    assert "something else" in refused(pinned(tsa), token, longer)
    assert not tsa.holds(token, longer)
    assert "under the root that you trust" in refused(pinned(other), token)
    assert not other.holds(token, TEXT)
    unfit = Tsa(tmp_path / "unfit.example", usage=False)
    with pytest.raises(Exception, match="exit status 1"):
        unfit.answer(stamps.request(TEXT))  # openssl itself signs with no certificate for another purpose


def test_i13_expired_and_future_tokens_are_refused(tsa: Tsa, tmp_path: Path) -> None:
    token = tsa.answer(stamps.request(TEXT))
    assert "has expired" in refused(pinned(tsa, NOW + dt.timedelta(days=366)), token)
    assert "from the future" in refused(pinned(tsa, NOW - dt.timedelta(hours=1)), token)
    over = Tsa(tmp_path / "over.example", days=(30, -1))
    late = over.answer(stamps.request(TEXT))
    assert "under the root that you trust" in refused(pinned(over), late), "stamped after the certificate's last day"
    assert "under the root that you trust" in refused(pinned(over, NOW + dt.timedelta(days=1)), late)
    assert not over.holds(late, TEXT)


def test_i13_no_byte_of_a_token_may_be_another_where_it_says_something(tsa: Tsa) -> None:
    """What CMS leaves unsigned beside is bound by the manifest of the bundle; here: no other time, name or text."""
    token, authority = tsa.answer(stamps.request(TEXT)), pinned(tsa)
    said, passed = authority.verify(token, TEXT), []
    for at in range(len(token)):
        altered = bytearray(token)
        altered[at] ^= 1 << (at % 8)
        try:
            assert authority.verify(bytes(altered), TEXT) == said
            passed.append(bytes(altered))
        except VerificationError:
            pass
    assert len(passed) <= 12, "a version, and the name of an algorithm"
    assert all(tsa.holds(one, TEXT) for one in passed), "we take nothing that openssl does not"


@pytest.mark.parametrize("rubbish", [b"", b"\x30", b"rubbish", bytes(40_000), b"\x30\x03\x02\x01\x00"])
def test_i13_rubbish_is_refused(tsa: Tsa, rubbish: bytes) -> None:
    assert refused(pinned(tsa), rubbish)


def test_what_the_authority_has_refused_and_another_digest_are_no_time_stamps(tsa: Tsa) -> None:
    asked = tsp.TimestampRequestBuilder(nonce=False).data(TEXT).hash_algorithm(tsp.HashAlgorithm.SHA512).build()
    assert "not over a SHA-256" in refused(pinned(tsa), tsa.answer(asked.as_bytes()))
    rejected = bytes.fromhex("30053003020102")  # TimeStampResp { status rejection }
    assert "did not grant" in refused(pinned(tsa), rejected)
    token = tsa.answer(stamps.request(TEXT))
    assert "one form" in refused(pinned(tsa), token + b"\x00") or "not a response" in refused(
        pinned(tsa), token + b"\x00"
    )


def test_a_note_carries_tokens_beside_its_signatures(tsa: Tsa) -> None:
    note = notes.signed(TEXT.decode(), [SIGNER])
    token = tsa.answer(stamps.request(TEXT))
    both = notes.parse(carried.added(carried.added(note, token), token).raw())
    assert carried.of(both) == (token,)
    assert notes.verify(both, [PINNED]) == (PINNED,), "who knows nothing of time stamps skips them"
    trust = Trust(ledger=[LedgerKey(PINNED)], authority=pinned(tsa))
    (stamp,) = trust.stamped([both.raw()])
    assert (stamp.name, stamp.size) == ("CN=tsa.example", 6)
    with pytest.raises(VerificationError, match="no checkpoint has a time stamp"):
        trust.stamped([note.raw()])
    assert Trust().stamped([note.raw()]) == ()
    for at in range(4):
        both = carried.added(both, token + bytes([at]))
    with pytest.raises(VerificationError, match="5 time stamps already"):
        carried.added(both, b"one more")


def test_an_authority_below_another_holds_with_both_certificates_and_not_with_the_root_alone(tmp_path: Path) -> None:
    below = Tsa(tmp_path / "below.example", chain=True)
    token = below.answer(stamps.request(TEXT))
    both = PinnedAuthority.of([below.folder / "chain.pem"], dt.datetime.now(dt.UTC))
    assert both.verify(token, TEXT)[0] == "CN=below.example"
    assert "under the root that you trust" in refused(pinned(below), token), "nobody can tell who is between"


def test_roots_are_read_from_files_and_the_file_of_pinned_keys(tsa: Tsa, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(UsageError, match="not a certificate"):
        PinnedAuthority.of([tmp_path / "bad.pem"], NOW)
    with pytest.raises(UsageError, match="cannot be read"):
        PinnedAuthority.of([tmp_path / "absent.pem"], NOW)
    (tmp_path / "trust.toml").write_text(f'[[tsa]]\nroot = "{tsa.root}"\n')
    found = trusting.pinned([], [], tmp_path / "trust.toml", now=dt.datetime.now(dt.UTC))
    assert found.authority is not None
    assert found.authority.verify(tsa.answer(stamps.request(TEXT)), TEXT)[0] == "CN=tsa.example"
    assert trusting.pinned([], [], None, now=NOW).authority is None
