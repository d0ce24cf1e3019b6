"""Sealing: joserfc is the second implementation in both directions, and nothing altered or moved ever opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from joserfc import jwe
from joserfc.jwk import OctKey, OKPKey

from schemas import sealing
from schemas.errors import SealError, UnknownKeyError
from schemas.sealing import Binding, IntakePrivateKey, IntakePublicKey, SharedKey, b64u, unb64u

NONCE = bytes(range(12))
EPHEMERAL = bytes(range(64, 96))
BINDING = Binding(req="r-1", task="r-1.1", sys="crm", use="task")
SHARED = SharedKey("crm-1", bytes(range(32, 64)))
PRIVATE = IntakePrivateKey("intake-1", bytes(range(32)))
PLAIN = '[{"kind":"email","value":"ann@example.org"},{"kind":"name","value":"Zo\u00eb"}]'.encode()
REGISTRY = jwe.JWERegistry(algorithms=["dir", "ECDH-ES", "A256GCM"], strict_check_header=False)


def _shared(plain: bytes = PLAIN, binding: Binding = BINDING) -> str:
    return SHARED.seal(plain, binding, nonce=NONCE)


def _intake(plain: bytes = PLAIN, binding: Binding = BINDING) -> str:
    return PRIVATE.public().seal(plain, binding, nonce=NONCE, ephemeral=EPHEMERAL)


def _oct() -> OctKey:
    return OctKey.import_key(SHARED.sealing_key)


def _okp(*, private: bool) -> OKPKey:
    jwk: dict[str, str | list[str]] = {"kty": "OKP", "crv": "X25519", "x": b64u(PRIVATE.public().raw)}
    if private:
        jwk["d"] = b64u(bytes(range(32)))
    return OKPKey.import_key(jwk)


FORMS = [
    pytest.param(_shared, SHARED.open, id="dir"),
    pytest.param(_intake, PRIVATE.open, id="ecdh"),
]
Seal = Callable[..., str]
Open = Callable[[str, Binding], bytes]


@pytest.mark.parametrize("plain", [b"", b"x", PLAIN, bytes(range(256)), b"x" * 40_000], ids=len)
def test_joserfc_opens_what_we_seal(plain: bytes) -> None:
    opened = jwe.decrypt_compact(_shared(plain), _oct(), registry=REGISTRY)
    assert opened.plaintext == plain
    assert opened.protected == {
        "alg": "dir",
        "enc": "A256GCM",
        "kid": "crm-1",
        "req": "r-1",
        "task": "r-1.1",
        "sys": "crm",
        "use": "task",
    }
    opened = jwe.decrypt_compact(_intake(plain), _okp(private=True), registry=REGISTRY)
    assert opened.plaintext == plain
    assert opened.protected["epk"]["crv"] == "X25519"


@pytest.mark.parametrize("plain", [b"x", PLAIN, b"x" * 100_000], ids=len)
def test_we_open_what_joserfc_seals(plain: bytes) -> None:
    bound = {"req": "r-1", "task": "r-1.1", "sys": "crm", "use": "task", "typ": "JWE"}
    token = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM", "kid": "crm-1"} | bound, plain, _oct(), registry=REGISTRY
    )
    assert SHARED.open(token, BINDING) == plain
    token = jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": "A256GCM", "kid": "intake-1"} | bound, plain, _okp(private=False), registry=REGISTRY
    )
    assert PRIVATE.open(token, BINDING) == plain


def test_the_key_derivation_is_the_concat_kdf_of_nist_and_rfc_7518() -> None:
    for shared in (bytes(32), bytes(range(32)), b"\xff" * 32):
        info = b"\0\0\0\x07A256GCM" + bytes(4) + bytes(4) + (256).to_bytes(4, "big")
        oracle = ConcatKDFHash(algorithm=hashes.SHA256(), length=32, otherinfo=info)
        assert sealing._concat_kdf(shared) == oracle.derive(shared)


@pytest.mark.parametrize(("seal", "opener"), FORMS)
def test_what_was_sealed_opens_with_its_binding_only(seal: Seal, opener: Open) -> None:
    assert opener(seal(), BINDING) == PLAIN
    for field in Binding.__struct_fields__:
        for other in ("", "other"):
            moved = msgspec.structs.replace(BINDING, **{field: other})
            with pytest.raises(SealError) as caught:
                opener(seal(), moved)
            assert caught.value.rule == "seal.binding"
            with pytest.raises(SealError):
                opener(seal(binding=moved), BINDING)


@pytest.mark.parametrize(("seal", "opener"), FORMS)
def test_no_altered_character_is_accepted_anywhere(seal: Seal, opener: Open) -> None:
    token = seal(b"[1]")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\x00\u00e9"
    for place, was in enumerate(token):
        for other in alphabet:
            if other != was:
                with pytest.raises(SealError):
                    opener(token[:place] + other + token[place + 1 :], BINDING)


@pytest.mark.parametrize(("seal", "opener"), FORMS)
def test_no_missing_or_added_character_is_accepted(seal: Seal, opener: Open) -> None:
    token = seal()
    for place in range(len(token)):
        with pytest.raises(SealError):
            opener(token[:place] + token[place + 1 :], BINDING)
        with pytest.raises(SealError):
            opener(token[:place], BINDING)
    for more in ("=", "==", "A", ".", "\n", " ", "\ud800"):
        with pytest.raises(SealError):
            opener(token + more, BINDING)
        with pytest.raises(SealError):
            opener(more + token, BINDING)


@pytest.mark.parametrize(("seal", "opener"), FORMS)
def test_parts_of_two_tokens_do_not_mix(seal: Seal, opener: Open) -> None:
    one, other = seal(b"one").split("."), seal(b"two", msgspec.structs.replace(BINDING, req="r-2")).split(".")
    for place in (0, 3, 4):
        mixed = [*one]
        mixed[place] = other[place]
        with pytest.raises(SealError):
            opener(".".join(mixed), BINDING)


def test_another_key_of_the_same_name_does_not_open() -> None:
    with pytest.raises(SealError) as caught:
        SharedKey("crm-1", bytes(32)).open(_shared(), BINDING)
    assert caught.value.rule == "seal.tag"
    with pytest.raises(SealError) as caught:
        IntakePrivateKey("intake-1", bytes(range(1, 33))).open(_intake(), BINDING)
    assert caught.value.rule == "seal.tag"
    assert not isinstance(caught.value, UnknownKeyError)


def test_an_unknown_key_id_asks_to_wait() -> None:
    with pytest.raises(UnknownKeyError):
        SharedKey("crm-2", bytes(range(32, 64))).open(_shared(), BINDING)
    with pytest.raises(UnknownKeyError):
        IntakePrivateKey("intake-2", bytes(range(32))).open(_intake(), BINDING)


def test_one_form_does_not_open_as_the_other() -> None:
    for opener, token in ((SHARED.open, _intake()), (PRIVATE.open, _shared())):
        with pytest.raises(SealError) as caught:
            opener(token, BINDING)
        assert caught.value.rule == "seal.algorithm"


EPK: dict[str, Any] = {"kty": "OKP", "crv": "X25519", "x": b64u(IntakePrivateKey("e", EPHEMERAL).public().raw)}
GOOD: dict[str, Any] = {
    "alg": "ECDH-ES",
    "enc": "A256GCM",
    "kid": "intake-1",
    "epk": EPK,
    "req": "r-1",
    "task": "r-1.1",
    "sys": "crm",
    "use": "task",
}


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (GOOD, "seal.tag"),
        (GOOD | {"enc": "A128GCM"}, "seal.algorithm"),
        (GOOD | {"alg": "ECDH-ES+A256KW"}, "seal.algorithm"),
        (GOOD | {"alg": "none"}, "seal.algorithm"),
        (GOOD | {"epk": None}, "seal.algorithm"),
        (GOOD | {"epk": {}}, "seal.algorithm"),
        (GOOD | {"epk": EPK | {"crv": "P-256"}}, "seal.algorithm"),
        (GOOD | {"epk": EPK | {"kty": "EC"}}, "seal.algorithm"),
        (GOOD | {"epk": {"kty": "OKP", "crv": "X25519"}}, "seal.epk"),
        (GOOD | {"epk": EPK | {"x": b64u(bytes(32))}}, "seal.epk"),
        (GOOD | {"epk": EPK | {"x": b64u(b"\1" + bytes(31))}}, "seal.epk"),
        (GOOD | {"epk": EPK | {"x": "AA"}}, "seal.epk"),
        (GOOD | {"epk": EPK | {"x": "!"}}, "seal.encoding"),
        (GOOD | {"epk": EPK | {"x": 5}}, "seal.header"),
        (GOOD | {"crit": ["b64"]}, "seal.header"),
        (GOOD | {"zip": "DEF"}, "seal.header"),
        (GOOD | {"zip": None}, "seal.header"),
        (GOOD | {"apu": "QWxpY2U"}, "seal.header"),
        (GOOD | {"apv": "Qm9i"}, "seal.header"),
        (GOOD | {"kid": None}, "seal.header"),
        ({}, "seal.header"),
        ([], "seal.header"),
    ],
)
def test_a_header_that_would_be_misread_is_refused(header: Any, rule: str) -> None:
    token = f"{b64u(json.dumps(header).encode())}..{b64u(NONCE)}..{b64u(bytes(16))}"
    with pytest.raises(SealError) as caught:
        PRIVATE.open(token, BINDING)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("token", "rule"),
    [
        ("", "seal.form"),
        ("....", "seal.header"),
        ("a.b.c.d.e", "seal.form"),
        ("e30", "seal.form"),
        (f"{b64u(b'[' * 100_000)}....", "seal.header"),
        (f"{b64u(bytes([255]))}....", "seal.header"),
        (b64u(b'{"alg":"\xff"}') + "....", "seal.header"),
        (f"{b64u(json.dumps(GOOD).encode())}..{b64u(bytes(11))}..{b64u(bytes(16))}", "seal.form"),
        (f"{b64u(json.dumps(GOOD).encode())}..{b64u(NONCE)}..{b64u(bytes(15))}", "seal.form"),
        ("A" * (8 << 20) + "....", "seal.form"),
    ],
    ids=range(10),
)
def test_what_is_no_token_is_refused(token: str, rule: str) -> None:
    for opener in (SHARED.open, PRIVATE.open):
        with pytest.raises(SealError) as caught:
            opener(token, BINDING)
        assert caught.value.rule == rule


@pytest.mark.parametrize(
    "text", ["A", "AB", "AAB", "AA=", "AA==", "A+", "A/", "A A", "AA\n", "\u00e9", "\ud800", "=", "."]
)
def test_only_the_one_base64url_form_is_accepted(text: str) -> None:
    with pytest.raises(SealError) as caught:
        unb64u(text)
    assert caught.value.rule == "seal.encoding"


@pytest.mark.parametrize("raw", [b"", b"\0", b"\xff\xfe", b"\xfb\xff", bytes(range(256))], ids=len)
def test_base64url_goes_both_ways(raw: bytes) -> None:
    assert unb64u(b64u(raw)) == raw
    assert "=" not in b64u(raw)


def test_only_the_systems_own_key_confirms() -> None:
    mac = SHARED.mac(b"data")
    SHARED.check_mac(b"data", mac)
    other = SharedKey("crm-1", bytes(32))
    for data, wrong in (
        (b"datA", mac),
        (b"data", ""),
        (b"data", mac[:-1]),
        (b"data", mac + "="),
        (b"data", other.mac(b"data")),
        (b"data", "\u00e9" * 43),
        (b"data", "\ud800"),
    ):
        with pytest.raises(SealError) as caught:
            SHARED.check_mac(data, wrong)
        assert caught.value.rule == "confirmation.mac"


def test_the_mac_key_and_the_sealing_key_differ() -> None:
    assert SHARED._mac_key != SHARED.sealing_key != bytes(range(32, 64))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused_with_a_clear_error(length: int) -> None:
    for make in (SharedKey, IntakePublicKey, IntakePrivateKey):
        with pytest.raises(SealError) as caught:
            make("k", bytes(length))
        assert caught.value.rule == "key.length"
    with pytest.raises(SealError):
        PRIVATE.public().seal(b"x", BINDING, nonce=NONCE, ephemeral=bytes(length))


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_a_nonce_that_nobody_could_open_is_refused(length: int) -> None:
    with pytest.raises(SealError) as caught:
        SHARED.seal(b"x", BINDING, nonce=bytes(length))
    assert caught.value.rule == "seal.nonce"


def test_a_public_key_that_agrees_on_nothing_is_refused() -> None:
    with pytest.raises(SealError) as caught:
        IntakePublicKey("k", bytes(32)).seal(b"x", BINDING, nonce=NONCE, ephemeral=EPHEMERAL)
    assert caught.value.rule == "key.weak"


def test_i04_the_token_does_not_show_what_is_in_it() -> None:
    for token in (_shared(), _intake()):
        raw = b"".join(unb64u(part) for part in token.split(".") if part)
        assert b"ann" not in raw
        assert "ann" not in token
