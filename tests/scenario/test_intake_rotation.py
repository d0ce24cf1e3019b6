"""The intake key rotates by the command line; a request sealed to a retired key is refused, and seen."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec

from orchestrator.keys import KeyFolder
from orchestrator.runtime.embedded import Embedded
from schemas.codec import decode_event, encode
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.cli import WHO, CommandLine
from tests.support.company import made_up


def event(expunge: CommandLine, request_id: str) -> bytes:
    """As a program of somebody else's would seal it, with the public key of this moment."""
    form = RequestForm(Right.ERASURE, (Identifier("email", made_up(WHO).email),), request_id=request_id)
    with Embedded.open(expunge.home) as home:
        row = home.intake._sealed(form, home._clock.now()).row
    return encode(msgspec.structs.replace(decode_event(row.wire or b""), source="/portal"))


def test_a_rotation_from_the_first_key_to_a_refused_request(expunge: CommandLine) -> None:
    old = KeyFolder(expunge.home / "keys", ()).intake.kid
    first, late = event(expunge, "r-first"), event(expunge, "r-late")
    kid = expunge.json("keys", "add", "intake")["kid"]
    assert expunge("keys", "activate", "intake", kid) == 0, expunge.err
    third = event(expunge, "r-third")
    with Embedded.open(expunge.home) as home:
        assert home.engine.receive([first, third]) == 2, "both keys open"
    expunge.submit()  # sealed to the new key, and waits
    assert expunge.error(2, "keys", "retire", "intake", kid)["what"] == "this key is in use"
    retired = expunge.json("keys", "retire", "intake", old)[-1]
    assert (retired["system"], retired["active"], retired["retired"]) == ("intake", kid, [old])
    with Embedded.open(expunge.home) as home:
        assert home.engine.receive([late]) == 0
    (letter,) = expunge.json("dead-letters", "list")
    assert (letter["error"], letter["request_id"]) == ("RetiredKeyError", "r-late")
    assert expunge.json("list", "--parked") == [], "no waiting for a key that nobody has"
    assert expunge("doctor", "-o", "json") == 1
    assert any("RetiredKeyError" in one.get("text", "") for one in json.loads(expunge.out))
    assert expunge("run", "--until-idle") in {0, 1}
    assert expunge.json("show", "r-first")["phase"] == "closed"


def test_a_key_that_a_waiting_request_is_sealed_to_is_not_retired(expunge: CommandLine) -> None:
    old = KeyFolder(expunge.home / "keys", ()).intake.kid
    expunge.submit()
    kid = expunge.json("keys", "add", "intake")["kid"]
    assert expunge("keys", "activate", "intake", kid) == 0
    assert "still needed" in expunge.error(2, "keys", "retire", "intake", old)["what"]
    expunge.is_done()
    assert expunge("keys", "retire", "intake", old) == 0, expunge.err


def test_with_a_broker_a_week_has_to_be_over(expunge: CommandLine) -> None:
    file = expunge.home / "expunge.toml"
    file.write_text(file.read_text() + '\n[kafka]\nbootstrap_servers = ["127.0.0.1:1"]\n')
    old = KeyFolder(expunge.home / "keys", ()).intake.kid
    kid = expunge.json("keys", "add", "intake")["kid"]
    assert expunge("keys", "activate", "intake", kid) == 0
    assert "a topic may still hold" in expunge.error(2, "keys", "retire", "intake", old)["what"]
    _aged(expunge.home / "keys" / "intake.jwk", days=8)
    assert expunge("keys", "retire", "intake", old) == 0, expunge.err


def _aged(file: Path, days: int) -> None:
    then = file.stat().st_mtime - days * 24 * 3600
    os.utime(file, (then, then))


def test_a_system_of_that_name_is_not_mistaken_for_it(expunge: CommandLine) -> None:
    file = expunge.home / "expunge.toml"
    file.write_text(file.read_text().replace("[systems.crm]", "[systems.intake]"))
    assert "name of the intake key" in expunge.error(2, "keys", "add", "intake")["what"]
