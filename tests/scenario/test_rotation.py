"""All three kinds of keys rotate while requests come in and are worked on: no restart, no dead letter, nothing lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Self

import pytest

from connectors.kafka.publisher import Publisher
from orchestrator.keys import read_public
from orchestrator.ledger.record import verify
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from schemas.sealing import key_id_of, unb64u
from schemas.topics import REQUESTS, tasks_of
from tests.support.bus import wait_for
from tests.support.company import made_up
from tests.support.fleet import Fleet
from tests.support.working import ending

pytestmark = [pytest.mark.timeout(240)]


class Load:
    """A publisher of somebody else's that hands in one request after the other, with the public key it was given."""

    def __init__(self, fleet: Fleet, key: Path) -> None:
        self.key = key
        self.sent: list[str] = []
        self._fleet = fleet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def __exit__(self, *_: object) -> None:
        self.end()

    def _run(self) -> None:
        publisher, key = None, self.key
        while not self._stop.wait(0.25):
            if publisher is None or key != self.key:
                key = self.key
                publisher = Publisher(self._fleet.one.kafka, key)
            who = made_up(1000 + len(self.sent) % 24)
            form = RequestForm(Right.ERASURE, (Identifier("email", who.email),), request_id=f"r{len(self.sent)}")
            self.sent.append(publisher.submit(form))
        if publisher is not None:
            publisher.close()

    def more(self, count: int) -> None:
        """Wait until so many more were sent."""
        wanted = len(self.sent) + count
        wait_for(lambda: len(self.sent) >= wanted, 60)


def test_the_keys_of_a_system_of_intake_and_of_records_rotate_under_load(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keys = fleet.company.home / "keys"
    handed_out = tmp_path / "handed-out.pub.jwk"
    handed_out.write_bytes((keys / "intake.pub.jwk").read_bytes())

    def expunge(*arguments: str) -> str:
        capsys.readouterr()
        code = fleet.expunge("keys", *arguments, "-o", "json")
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    before = {one["system"]: one["active"] for one in json.loads(expunge("list"))}
    orchestrators = [fleet.orchestrate(), fleet.orchestrate()]
    workers = [fleet.start("connect", name) for name in ("crm", "crm", "hr")]
    with ending(*orchestrators, *workers), Load(fleet, handed_out) as load:
        wait_for(lambda: len(fleet.one.completions()) >= 5, 90)
        after = {name: json.loads(expunge("add", name))["kid"] for name in ("crm", "intake", "record")}
        load.more(5)
        wait_for(lambda: fleet.expunge("keys", "activate", "crm", after["crm"]) == 0, 60)  # once both workers hold it
        expunge("activate", "intake", after["intake"])
        expunge("activate", "record", after["record"])
        load.more(5)  # this publisher has still the old key
        load.key = keys / "intake.pub.jwk"
        load.more(10)
        expunge("retire", "record", before["record"])
        load.more(5)
        load.end()
        wait_for(lambda: fleet.closed(load.sent), 120)
        assert [one.end(60)[0] for one in orchestrators] == [0, 0], orchestrators[0].said() + orchestrators[1].said()
        assert [one.end(60)[0] for one in workers] == [0, 0, 0]
    fleet.nothing_is_buried()
    assert fleet.rows("SELECT * FROM parked") == []
    held = {one["system"]: one for one in json.loads(expunge("list"))}
    assert {name: held[name]["active"] for name in after} == after
    assert held["record"]["retired"] == [before["record"]]

    # Everything was really used, the old and the new.
    sealed = {key_id_of(one["data"]["sealed"]) for one in fleet.events(REQUESTS.name)}
    assert sealed == {before["intake"], after["intake"]}
    sealed = {key_id_of(one["data"]["sealed"]) for one in fleet.events(tasks_of("crm").name)}
    assert sealed == {before["crm"], after["crm"]}
    completions = [done for done, _ in fleet.one.completions()]
    assert {one.request_id for one in completions} == set(load.sent)
    public = {kid: read_public(keys / f"record.{kid}.pub.jwk") for kid in (before["record"], after["record"])}
    signed = {}
    for one in completions:
        kid = json.loads(unb64u(one.jws.split(".")[0]))["kid"]
        signed[kid] = verify(one.jws.encode(), public[kid])
    assert signed.keys() == public.keys()
