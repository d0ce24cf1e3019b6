"""Approval with a preview, and four eyes: the real command line, with the limits of a policy (S40)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cli import REQUEST, WHO, CommandLine
from tests.support.policies import under_a_policy


@pytest.fixture
def asking(expunge: CommandLine) -> CommandLine:
    """The company under a policy by which more than two records need one person, and more than four need two."""
    under_a_policy(expunge)
    return expunge


def previewed(expunge: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = expunge.json("preview", REQUEST)
    return found


def test_it_waits_for_two_persons_who_approve_exactly_what_was_shown(asking: CommandLine) -> None:
    asking.submit()
    asking("run", "--until-idle")
    assert asking("show", REQUEST) == 1
    assert "has to be approved first" in asking.out
    shown = previewed(asking)
    assert shown["waits"]
    lines = shown["preview"]["record_sets"]
    assert lines["crm/contacts"]["does"] == "anonymise"
    assert lines["crm/invoices"]["why"] == "exception_17_3_b"
    assert asking("preview", REQUEST) == 1
    assert shown["sha256"] in asking.out
    assert asking.company.traces_of(WHO), "nothing was erased yet"
    first = ("approve", REQUEST, "--preview", shown["sha256"], "--by", "staff-17")
    assert asking(*first) == 0
    asking("run", "--until-idle")
    assert asking(*first) == 2
    assert asking(*first[:-1], " STAFF-17 ") == 2, "the same sign, written otherwise"
    assert "the same person has approved it already" in asking.err
    assert asking("approve", REQUEST, "--preview", shown["sha256"], "--by", "staff-23", "--role", "legal") == 0
    asking("run", "--until-idle")
    assert asking.json("show", REQUEST)["phase"] in {"acting", "closed"}
    assert [one["role"] for one in asking.json("show", REQUEST)["approvals"]] == ["dpo", "legal"]
    assert b"staff-17" not in (asking.home / "expunge.db").read_bytes()


def test_a_hold_placed_since_makes_what_was_shown_untrue(asking: CommandLine) -> None:
    asking.submit()
    asking("run", "--until-idle")
    sha = previewed(asking)["sha256"]
    why = ("--owner", "legal", "--reason", "litigation", "--text", "gdpr-17-3-e", "--review", "2099-01-01")
    assert asking("hold", "place", *why, "--system", "hr") == 0
    asking("run", "--until-idle")
    before = asking.rows()
    assert asking("approve", REQUEST, "--preview", sha, "--by", "staff-17") == 2
    assert "this preview is not true any more" in asking.err
    assert asking.rows() == before
    assert previewed(asking)["sha256"] != sha


def test_what_is_not_approved_may_be_declined_and_the_answer_says_where_to_complain(asking: CommandLine) -> None:
    asking.submit()
    asking("run", "--until-idle")
    reason = ("--ground", "manifestly_unfounded", "--reason", "third_in_a_month", "--text", "gdpr-12-5")
    assert asking("decline", REQUEST, *reason) == 0
    asking("run", "--until-idle")
    assert asking.json("show", REQUEST)["result"] == "refused"
    notices = b"".join(row[2] for row in asking.rows()["notices"])
    assert b"CNIL" in notices
    assert asking("decline", REQUEST, *reason) == 2


def test_where_nothing_waits_a_preview_and_an_approval_are_refused(expunge: CommandLine) -> None:
    expunge.submit()
    expunge("run", "--until-idle")
    assert expunge("approve", REQUEST, "--preview", "0" * 64, "--by", "staff-17") == 2
    assert expunge("approve", REQUEST, "--preview", "0" * 64, "--by", " ") == 2
