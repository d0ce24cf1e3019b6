"""Bad requests get a clear error at ``expunge submit``, and nothing is lost.

Every refusal: exit code 2; what, where (file, line, field), why (the rule) and how to mend it; the same as JSON; no
traceback, no value of the person; the store is as it was. The corrected request is then taken in.

Where each item of the list "Bad input" (issue 3) is proved through the command line (``BAD`` is below):

==================================  ================================================================================
no identifier, unknown kind         ``BAD``: no_identifier, identifiers_missing, unknown_kind, kind_and_value_swapped
malformed e-mail, phone or IP       ``BAD``: no_domain, two_addresses, dotted_twice, phone_..., two_phones, ip_...
10,000 identifiers, 10 MB of text   ``BAD``: 10000_identifiers, 10_mb_of_text, too_long
NUL bytes, bidi, invalid UTF-8      ``BAD``: nul_..., bidi_..., zero_width, invalid_utf8, latin_1, lone_...
SQL and regex metacharacters        ``BAD``: sql_in_...; ``test_bad_input_values``, end to end
``../`` and symlinks                ``BAD``: id_is_a_path; ``_values``; ``_configuration``: out_of_the_root,
                                    absolute_path; ``_stores``: symlink_to_a_file, symlink_to_a_folder
the same request id again           ``test_cli_journey``: the_same_request_again_is_known_and_another_..._refused
received_at, future or no zone      ``BAD``: received_in_the_future, received_without_zone, received_at_is_no_time
one bad request among many          ``test_cli_journey``: one_bad_request_among_many_takes_none_in
typed on a terminal                 ``test_cli_signals``: asking_on_a_terminal
broken TOML, unknown keys           ``test_bad_input_configuration``: ``WRONG``
unknown column, null, foreign key   ``test_bad_input_configuration``: ``MISFITS``, a_deletion_that_a_foreign_key_forbids
key missing, readable by all        ``test_bad_input_configuration``: a_key_that_is_missing_or_readable_by_all
database read-only, locked, away    ``test_bad_input_stores`` (the product's own and the company's)
disk full, truncated gz, Parquet    ``test_bad_input_stores``; full in mid-rewrite: ``test_bad_world``
a line of 5 MB, a live file         ``test_bad_input_stores``; replaced during its rewrite: ``test_bad_world``
two ``expunge run`` at once         ``test_cli_signals``: a_running_daemon_takes_what_others_submit_and_is_alone
==================================  ================================================================================
"""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

import pytest

from tests.support.cli import CANARY, CommandLine, identified_by

ANYBODY: Final = ("customer_id", "904179999")


def raw_value(raw: bytes) -> bytes:
    """Give a request, over several lines, with these bytes in an identifier; it stands in line 3."""
    return b'{"right": "erasure",\n "identifiers": [\n  {"kind": "customer_id", "value": "%b"}]}' % raw


def lines(*pairs: tuple[str, str], **more: Any) -> bytes:
    """Give a request over several lines."""
    return json.dumps(identified_by(*pairs, **more), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")


VALUE: Final = "$.identifiers[0].value"
BAD: Final[dict[str, tuple[bytes, str, str, str, str]]] = {
    # name: (the request, line and field, rule, part of what, part of fix)
    "no_identifier": (lines(), "3 $.identifiers", "request.identifiers.none", "no identifier", "add at least one"),
    "identifiers_missing": (b'{"right": "erasure"}', "1", "message.malformed", "`identifiers`", "one JSON object"),
    "unknown_kind": (lines(("emial", CANARY)), "5 $.identifiers[0].kind", "identifier.kind", "kind", "mean 'email'?"),
    "kind_and_value_swapped": (
        lines((CANARY, "email")),
        "5 $.identifiers[0].kind",
        "identifier.kind",
        "unknown identifier kind",
        "known kinds: email",
    ),
    "no_domain": (lines(("email", f"{CANARY}@")), f"6 {VALUE}", "identifier.email", "e-mail", "name@domain"),
    "two_addresses": (lines(("email", f"{CANARY}@a.example,b@c.example")), f"6 {VALUE}", "identifier.email", "", ""),
    "dotted_twice": (lines(("email", f"{CANARY}..x@a.example")), f"6 {VALUE}", "identifier.email", "", ""),
    "sql_in_an_address": (
        lines(("email", f"'; DROP TABLE {CANARY};--@example.com")),
        f"6 {VALUE}",
        "identifier.email",
        "not an e-mail address",
        "",
    ),
    "sql_in_quotes": (
        lines(("email", f'"\'; DROP TABLE {CANARY};--"@a.example')),
        f"6 {VALUE}",
        "identifier.email",
        "",
        "",
    ),
    "phone_of_letters": (lines(("phone", f"+33 {CANARY}")), f"6 {VALUE}", "identifier.phone", "phone", "E.164"),
    "phone_without_country": (lines(("phone", "0123456789")), f"6 {VALUE}", "identifier.phone", "", "+33"),
    "two_phones": (lines(("phone", "+33123456789, +33123456780")), f"6 {VALUE}", "identifier.phone", "", ""),
    "ip_out_of_range": (
        lines(("ip", "10.0.0.256")),
        f"6 {VALUE}",
        "identifier.ip",
        "not an IP address",
        "IPv4 or IPv6",
    ),
    "a_network": (lines(("ip", "10.0.0.0/8")), f"6 {VALUE}", "identifier.ip", "", "no network"),
    "ip_of_letters": (lines(("ip", CANARY)), f"6 {VALUE}", "identifier.ip", "", ""),
    "10000_identifiers": (
        lines(*[("customer_id", f"{CANARY}{n}") for n in range(10_000)]),
        "3 $.identifiers",
        "request.identifiers.many",
        "10000 identifiers",
        "at most 500",
    ),
    "10_mb_of_text": (
        lines(("name", CANARY * 1_000_000)),
        "1",
        "message.size",
        "bytes",
        "a request has at most 1048576 bytes",
    ),
    "too_long": (
        lines(("customer_id", CANARY * 60)),
        f"6 {VALUE}",
        "identifier.length",
        "600 characters",
        "at most 512",
    ),
    "nul_in_a_value": (
        lines(("customer_id", f"{CANARY}\0")),
        f"6 {VALUE}",
        "identifier.characters",
        "control",
        "plain",
    ),
    "nul_between": (
        b'{"right": "erasure",\n \0 "identifiers": []}',
        "2",
        "message.malformed",
        "JSON",
        "one JSON object",
    ),
    "nul_bytes_only": (b"\0" * 100, "1", "message.malformed", "not valid JSON in UTF-8 (byte 0)", "one JSON object"),
    "bidi_override": (
        lines(("email", f"\u202e{CANARY}@a.example")),
        f"6 {VALUE}",
        "identifier.characters",
        "bidirec",
        "",
    ),
    "bidi_isolate": (lines(("customer_id", f"4\u2066{CANARY}")), f"6 {VALUE}", "identifier.characters", "bidirec", ""),
    "zero_width": (lines(("username", f"{CANARY}\u200b1")), f"6 {VALUE}", "identifier.characters", "invisible", ""),
    "invalid_utf8": (raw_value(CANARY.encode() + b"\xff\xfe"), "3", "message.malformed", "UTF-8", "save it as UTF-8"),
    "latin_1": (raw_value(f"{CANARY}é".encode("latin-1")), "3", "message.malformed", "UTF-8", "save it as UTF-8"),
    "lone_surrogate": (raw_value(CANARY.encode() + rb"\ud800"), "1", "message.malformed", "UTF-8", "one JSON object"),
    "utf_16": (lines(ANYBODY).decode().encode("utf-16"), "1", "message.malformed", "UTF-8", "save it as UTF-8"),
    "gz": (gzip.compress(lines(ANYBODY), mtime=0), "1", "message.malformed", "UTF-8", "save it as UTF-8"),
    "cut_off": (lines(("customer_id", CANARY))[:-4], "7", "message.malformed", "cut off", "one JSON object"),
    "nested_too_deep": (b'{"a":' * 100_000, "1", "message.malformed", "JSON", "one JSON object"),
    "text_after_the_end": (lines(ANYBODY) + b"x", "9", "message.malformed", "JSON", "one JSON object"),
    "a_number": (b"4711", "1", "message.malformed", "`object`", "one JSON object"),
    "value_is_a_number": (
        raw_value(b"x").replace(b'"x"', b"4711"),
        f"3 {VALUE}",
        "message.malformed",
        "`str`",
        "one JSON",
    ),
    "misspelt_field": (
        lines(ANYBODY, recieved_at="x"),
        "9 $.recieved_at",
        "message.unknown_field",
        "",
        "'received_at'?",
    ),
    "field_twice": (
        b'{"right": "access", "right": "erasure", "identifiers": []}',
        "1",
        "message.duplicate_field",
        "",
        "",
    ),
    "id_is_an_address": (
        lines(ANYBODY, request_id=f"{CANARY}@mail.example"),
        "9 $.request_id",
        "request.id",
        "request id",
        "never personal data",
    ),
    "id_is_a_path": (lines(ANYBODY, request_id="../../keys"), "9 $.request_id", "request.id", "", ""),
    "received_in_the_future": (
        lines(ANYBODY, received_at="2199-01-01T00:00:00Z"),
        "9 $.received_at",
        "request.received_at.future",
        "received_at lies in the future",
        "the time at which the request reached you",
    ),
    "received_without_zone": (
        lines(ANYBODY, received_at="2026-01-01T00:00:00"),
        "9 $.received_at",
        "time.zone",
        "no zone",
        "add Z or +01:00",
    ),
    "received_at_is_no_time": (
        lines(ANYBODY, received_at=CANARY),
        "9 $.received_at",
        "time.format",
        "RFC 3339",
        "2026-",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_and_nothing_is_taken_in(expunge: CommandLine, name: str) -> None:
    body, place, rule, what, fix = BAD[name]
    before = expunge.rows()
    file = expunge.file(body)
    told = expunge.error(2, "submit", file)
    assert told["where"] == f"{file}:{place}"
    assert told["why"] == rule
    assert what in told["what"]
    assert told["what"].endswith(": nothing was taken in")
    assert fix in told["fix"]
    assert expunge.rows() == before
    expunge.file(lines(ANYBODY, request_id="corrected"))
    assert expunge("submit", file) == 0
    assert expunge.open_requests() == ["corrected"]


@pytest.mark.parametrize("raw", [b"", b" \n\n", b"[]"])
def test_nothing_is_no_request(expunge: CommandLine, raw: bytes) -> None:
    assert "no request" in expunge.error(2, "submit", expunge.file(raw))["what"]
    assert expunge.json("list") == []


def test_what_comes_from_stdin_is_named_like_a_file(expunge: CommandLine) -> None:
    expunge.typed(lines(ANYBODY) + b"\n" + lines(("ip", CANARY)))
    assert expunge("submit", "-") == 2
    assert "where: stdin:" in expunge.err
    assert expunge.json("list") == []


def test_a_file_that_cannot_be_read(expunge: CommandLine) -> None:
    for name in (str(expunge.company.root / "absent.json"), str(expunge.home)):
        assert expunge("submit", name) == 2
        assert f"where: {name}" in expunge.err


def test_a_request_for_a_system_that_is_not_connected_waits_for_a_person(expunge: CommandLine) -> None:
    expunge.submit(identified_by(ANYBODY, request_id="elsewhere", scope={"systems": ["crrm"]}))
    assert expunge("run", "--until-idle") == 1
    assert expunge("show", "elsewhere") == 1
    assert "a system that is not connected (crrm)" in expunge.out
    assert "connect it, or submit with a right scope" in expunge.out
