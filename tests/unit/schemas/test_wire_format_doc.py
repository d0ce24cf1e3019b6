"""The numbers of docs/wire-format.md are true.

They are computed here step by step with ``cryptography``, ``hashlib`` and ``rfc8785`` only, then held against the
document, against ``schemas.sealing`` and against joserfc. ``python tests/unit/schemas/test_wire_format_doc.py``
writes them into the document.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe, jws
from joserfc.jwk import OctKey, OKPKey

from schemas import codec, receipts
from schemas.completion import JWS_TYP, CompletionRecord
from schemas.envelope import CONFIRMATION, REQUEST_RECEIVED
from schemas.generate import schema_of
from schemas.identifiers import KINDS, MAX_LENGTH, Identifier
from schemas.requests import MAX_FORM_BYTES, MAX_IDENTIFIERS, RequestReceived
from schemas.sealing import Binding, IntakePrivateKey, SharedKey

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "wire-format.md"
RECORD = ROOT / "schemas/v1/examples/valid/completion-record.json"
BLOCK = re.compile(r"(<!-- example: ([a-z-]+) -->\n```[a-z]*\n)(.*?)(\n```\n)", re.DOTALL)

INTAKE_PRIVATE = bytes(range(32))
ONE_TIME = bytes(range(64, 96))
NONCE = bytes(range(12))
SYSTEM_SECRET = bytes(range(32, 64))
SIGNING_PRIVATE = bytes(range(96, 128))
REQUEST_ID = "0b0e7c1e-5d1c-4f6e-9a53-0a4c1d2e3f40"
RECEIPT_CHANCE = bytes(range(128, 143))
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CLEAR = '[{"kind":"customer_id","value":"4711"},{"kind":"email","value":"ann.example@example.org"}]'
CONFIRMED = (
    f'{{"task_id":"{REQUEST_ID}.1","request_id":"{REQUEST_ID}","system":"crm","action":"locate",'
    '"connector":"acme-crm/1.0.0","acted_at":"2026-01-31T09:31:00.000Z",'
    '"outcomes":{"contacts":{"outcome":"located","count":1}}}'
)


def _b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sealed() -> dict[str, str]:
    intake = X25519PrivateKey.from_private_bytes(INTAKE_PRIVATE).public_key()
    sender = X25519PrivateKey.from_private_bytes(ONE_TIME)
    shared = sender.exchange(intake)
    kdf_input = bytes.fromhex("00000001") + shared + bytes.fromhex("00000007") + b"A256GCM"
    kdf_input += bytes.fromhex("000000000000000000000100")
    content_key = hashlib.sha256(kdf_input).digest()
    header = (
        '{"alg":"ECDH-ES","enc":"A256GCM","kid":"intake-2026-01","epk":{"kty":"OKP","crv":"X25519","x":"'
        + _b64u(sender.public_key().public_bytes_raw())
        + f'"}},"req":"{REQUEST_ID}","use":"request"}}'
    )
    protected = _b64u(header.encode())
    out = AESGCM(content_key).encrypt(NONCE, CLEAR.encode(), protected.encode())
    return {
        "intake-key": _b64u(intake.public_bytes_raw()),
        "clear": CLEAR,
        "one-time-key": f"private (hex): {ONE_TIME.hex()}\n"
        f"public (x):    {_b64u(sender.public_key().public_bytes_raw())}",
        "agreement": f"Z:         {shared.hex()}\nKDF input: {kdf_input.hex()}\nkey:       {content_key.hex()}",
        "header": header,
        "protected": protected,
        "cipher": f"nonce:      {NONCE.hex()}\nciphertext: {out[:-16].hex()}\ntag:        {out[-16:].hex()}",
        "token": f"{protected}..{_b64u(NONCE)}.{_b64u(out[:-16])}.{_b64u(out[-16:])}",
    }


def _receipt() -> dict[str, str]:
    drawn = int.from_bytes(RECEIPT_CHANCE, "big")
    number = drawn // 64 * 37 + drawn % 32
    symbols = "".join(CROCKFORD[number // 32**place % 32] for place in range(23, -1, -1)) + CROCKFORD[number % 37]
    shown = "-".join(symbols[at : at + 5] for at in range(0, 25, 5))
    digest = hashlib.sha256(b"expunge-receipt-v1\x00" + symbols.encode()).hexdigest()
    return {
        "receipt": f"random bytes (hex): {RECEIPT_CHANCE.hex()}\n"
        f"receipt:            {shown}\nreceipt_sha256:     {digest}"
    }


def _event(token: str) -> str:
    return json.dumps(
        {
            "id": REQUEST_ID,
            "source": "https://portal.example/privacy",
            "type": REQUEST_RECEIVED,
            "specversion": "1.0",
            "subject": REQUEST_ID,
            "time": "2026-01-31T09:30:00.000Z",
            "datacontenttype": "application/json",
            "data": {
                "request_id": REQUEST_ID,
                "right": "erasure",
                "received_at": "2026-01-31T09:30:00.000Z",
                "sealed": token,
                "channel": "web",
            },
        },
        indent=2,
    )


def _confirmation() -> dict[str, str]:
    mac_key = hmac.digest(SYSTEM_SECRET, b"expunge-confirm-v1", "sha256")
    seal_key = hmac.digest(SYSTEM_SECRET, b"expunge-seal-v1", "sha256")
    task_key = hmac.digest(SYSTEM_SECRET, b"expunge-task-v1", "sha256")
    return {
        "system-keys": f"secret:      {SYSTEM_SECRET.hex()}\n"
        f"sealing key: {seal_key.hex()}\nMAC key:     {mac_key.hex()}\ntask key:    {task_key.hex()}",
        "confirmation": CONFIRMED,
        "mac": _b64u(hmac.digest(mac_key, CONFIRMED.encode(), "sha256")),
    }


def _record() -> dict[str, str]:
    key = Ed25519PrivateKey.from_private_bytes(SIGNING_PRIVATE)
    public = _b64u(key.public_key().public_bytes_raw())
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}'
    kid = _b64u(hashlib.sha256(jwk.encode()).digest())
    header = f'{{"alg":"Ed25519","kid":"{kid}","typ":"{JWS_TYP}"}}'
    payload = rfc8785.dumps(json.loads(RECORD.read_bytes()))
    signing_input = f"{_b64u(header.encode())}.{_b64u(payload)}"
    return {
        "verifying-key": f"{jwk}\nthumbprint: {kid}",
        "record-header": header,
        "record-signature": f"payload, SHA-256:       {hashlib.sha256(payload).hexdigest()}\n"
        f"signing input, SHA-256: {hashlib.sha256(signing_input.encode()).hexdigest()}\n"
        f"signature:              {_b64u(key.sign(signing_input.encode()))}",
    }


def examples() -> dict[str, str]:
    """Name of the block in the document -> what has to stand in it."""
    sealed = _sealed()
    return {**sealed, **_receipt(), "event": _event(sealed["token"]), **_confirmation(), **_record()}


def _filled(text: str) -> str:
    wanted = examples()
    return BLOCK.sub(lambda found: found[1] + wanted[found[2]] + found[4], text)


def test_every_number_of_the_document_is_true() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert {found[2]: found[3] for found in BLOCK.finditer(text)} == examples()


def test_our_sealing_gives_the_token_of_the_document_and_opens_it() -> None:
    key = IntakePrivateKey("intake-2026-01", INTAKE_PRIVATE)
    binding = Binding(req=REQUEST_ID, use="request")
    token = examples()["token"]
    assert key.public().seal(CLEAR.encode(), binding, nonce=NONCE, ephemeral=ONE_TIME) == token
    assert codec.decode_identifiers(key.open(token, binding)) == (
        Identifier("customer_id", "4711"),
        Identifier("email", "ann.example@example.org"),
    )


def test_our_receipts_are_those_of_the_document() -> None:
    shown = dict(line.split(": ", 1) for line in examples()["receipt"].splitlines())
    made = receipts.made(RECEIPT_CHANCE)
    assert (made, receipts.commitment(made)) == (shown["receipt"].strip(), shown["receipt_sha256"].strip())


def test_another_jose_library_opens_the_token_of_the_document() -> None:
    private = {"kty": "OKP", "crv": "X25519", "x": examples()["intake-key"], "d": _b64u(INTAKE_PRIVATE)}
    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"], strict_check_header=False)
    opened = jwe.decrypt_compact(examples()["token"], OKPKey.import_key({**private}), registry=registry)
    assert opened.plaintext == CLEAR.encode()


def test_the_event_of_the_document_is_accepted() -> None:
    raw = examples()["event"].encode()
    event = codec.decode_event(raw)
    message = codec.decode(bytes(event.data), RequestReceived)
    assert (event.type, event.subject, message.request_id) == (REQUEST_RECEIVED, REQUEST_ID, REQUEST_ID)
    schema = schema_of("cloud-event")
    del schema["allOf"]
    jsonschema.validate(json.loads(raw), schema)
    jsonschema.validate(json.loads(raw)["data"], schema_of("request-received"))


def test_the_confirmation_of_the_document_is_accepted() -> None:
    shown = examples()
    key = SharedKey("crm-2026-01", SYSTEM_SECRET)
    key.check_mac(shown["confirmation"].encode(), shown["mac"])
    assert f"sealing key: {key.sealing_key.hex()}" in shown["system-keys"]
    assert codec.decode_confirmation(shown["confirmation"].encode()).system == "crm"
    token = key.seal(b"{}", Binding("r", "r.1", "crm", "task"), nonce=NONCE)
    opened = jwe.decrypt_compact(
        token,
        OctKey.import_key(key.sealing_key),
        registry=jwe.JWERegistry(algorithms=["dir", "A256GCM"], strict_check_header=False),
    )
    assert opened.plaintext == b"{}"
    assert CONFIRMATION in DOCUMENT.read_text(encoding="utf-8")


def test_the_record_of_the_document_verifies_with_another_jose_library() -> None:
    shown = examples()
    jwk: dict[str, Any] = json.loads(shown["verifying-key"].splitlines()[0])
    payload = rfc8785.dumps(json.loads(RECORD.read_bytes()))
    signature = shown["record-signature"].rpartition(" ")[2]
    token = f"{_b64u(shown['record-header'].encode())}.{_b64u(payload)}.{signature}"
    opened = jws.deserialize_compact(token, OKPKey.import_key(jwk), algorithms=["Ed25519"])
    assert opened.payload == payload
    assert codec.decode(payload, CompletionRecord).request_id == REQUEST_ID
    assert OKPKey.import_key(jwk).thumbprint() in shown["record-header"]


def test_the_words_and_limits_of_the_document_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`{kind}`" in text
    for limit in (MAX_LENGTH, MAX_IDENTIFIERS, f"{MAX_FORM_BYTES >> 20} MiB"):
        assert str(limit) in text
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (DOCUMENT.parent / link).exists(), link


if __name__ == "__main__":
    DOCUMENT.write_text(_filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
