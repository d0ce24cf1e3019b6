"""Sealing: whatever goes in comes out, only with its binding; fuzzed tokens raise SealError and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import SealError
from schemas.sealing import Binding, IntakePrivateKey, SharedKey, b64u, unb64u

KEY32 = st.binary(min_size=32, max_size=32)
NONCE = st.binary(min_size=12, max_size=12)
WORD = st.text(st.characters(codec="utf-8"), max_size=20)
BINDING = st.builds(Binding, WORD, WORD, WORD, WORD)
SHARED = SharedKey("k", bytes(range(32)))
PRIVATE = IntakePrivateKey("k", bytes(range(32)))


@settings(deadline=None)
@given(secret=KEY32, kid=WORD, plain=st.binary(max_size=300), binding=BINDING, nonce=NONCE)
def test_shared_round_trip(secret: bytes, kid: str, plain: bytes, binding: Binding, nonce: bytes) -> None:
    token = SharedKey(kid, secret).seal(plain, binding, nonce=nonce)
    assert SharedKey(kid, secret).open(token, binding) == plain


@settings(deadline=None)
@given(private=KEY32, kid=WORD, plain=st.binary(max_size=300), binding=BINDING, nonce=NONCE, ephemeral=KEY32)
def test_intake_round_trip(
    private: bytes, kid: str, plain: bytes, binding: Binding, nonce: bytes, ephemeral: bytes
) -> None:
    key = IntakePrivateKey(kid, private)
    token = key.public().seal(plain, binding, nonce=nonce, ephemeral=ephemeral)
    assert key.open(token, binding) == plain


@settings(deadline=None)
@given(one=BINDING, other=BINDING)
def test_a_part_opens_only_where_it_belongs(one: Binding, other: Binding) -> None:
    token = SHARED.seal(b"x", one, nonce=bytes(12))
    if one == other:
        assert SHARED.open(token, other) == b"x"
    else:
        with pytest.raises(SealError):
            SHARED.open(token, other)


TOKEN = SHARED.seal(b"some plain text", Binding(req="r"), nonce=bytes(12))


@settings(deadline=None)
@given(
    token=st.one_of(
        st.text(st.characters(codec=None)),
        st.lists(st.binary(max_size=40).map(b64u), min_size=5, max_size=5).map(".".join),
        st.binary(max_size=60).map(lambda header: f"{b64u(header)}..{b64u(bytes(12))}..{b64u(bytes(16))}"),
        st.tuples(st.integers(0, len(TOKEN) - 1), st.characters(codec=None)).map(
            lambda change: TOKEN[: change[0]] + change[1] + TOKEN[change[0] + 1 :]
        ),
    )
)
def test_a_fuzzed_token_raises_a_seal_error_and_nothing_else(token: str) -> None:
    if token == TOKEN:
        return
    for opener in (SHARED.open, PRIVATE.open):
        with pytest.raises(SealError):
            opener(token, Binding(req="r"))


@settings(deadline=None)
@given(data=st.binary(max_size=100), mac=st.text(st.characters(codec=None), max_size=60))
def test_a_guessed_mac_is_refused_without_another_error(data: bytes, mac: str) -> None:
    SHARED.check_mac(data, SHARED.mac(data))
    if mac != SHARED.mac(data):
        with pytest.raises(SealError):
            SHARED.check_mac(data, mac)


@settings(deadline=None)
@given(raw=st.binary())
def test_base64url_round_trip(raw: bytes) -> None:
    assert unb64u(b64u(raw)) == raw


@settings(deadline=None)
@given(text=st.text(st.one_of(st.sampled_from("AQgwZ-_="), st.characters(codec=None)), max_size=12))
def test_a_value_has_one_base64url_form(text: str) -> None:
    try:
        raw = unb64u(text)
    except SealError:
        return
    assert b64u(raw) == text
