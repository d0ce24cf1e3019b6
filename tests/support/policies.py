"""A small policy in which the linter finds nothing, and ways to spoil it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from orchestrator.policy import Register, read
from orchestrator.policy.lint import Finding, lint
from tests.support.cli import CommandLine, edit

TODAY: Final = dt.date(2026, 11, 26)
ODIGO: Final = Path(__file__).parent.parent.parent / "deploy" / "policies" / "odigo.toml"

SMALL: Final = """\
[policy]
id = "acme"
title = "Privacy policy of Acme"
joint_controllers = ["acme-fr", "acme-uk"]
rights = ["access", "erasure"]
target_hours = 48

[approval]
records = 100
four_eyes_records = 1000

[changes]
notice_before = true
quote = "We will tell you before."

[[version]]
id = "1"
published_on = 2020-01-01
first = true

[[version]]
id = "2"
published_on = 2024-05-01
effective_on = 2024-06-01
notice_on = 2024-05-02

[[controller]]
id = "acme-fr"
name = "Acme SA"
country = "FR"
calendar = "FR"
regime = "eu"
authority = "CNIL"

[[controller]]
id = "acme-uk"
name = "Acme Ltd"
country = "GB"
calendar = "GB-ENG"
regime = "uk"
authority = "ICO"
court = "County Court"

[[activity]]
id = "orders"
purpose = "fulfil orders"
basis = "contract"
contract_with = "person"
fields = ["name", "address"]
held_in = ["crm", "crm/orders"]
provided_by_subject = true

[[activity]]
id = "newsletter"
purpose = "write to subscribers"
basis = "consent"
fields = ["email"]
held_in = ["crm"]
provided_by_subject = true
marketing = true

[[activity]]
id = "security"
purpose = "keep the website safe"
basis = "legal_obligation"
held_in = ["logs"]
aims = ["security"]

[[retention]]
id = "orders"
activities = ["orders"]
anchor = "document_date"
months = 120
text = "fr-ccom-l123-22"

[[retention]]
id = "subscribers"
activities = ["newsletter"]
anchor = "last_inbound_contact"
months = 36
text = "policy:subscribers"
ends_early_on = ["withdrawal"]

[[retention]]
id = "security"
activities = ["security"]
anchor = "connection"
months = 12
text = "fr-decret-2021-1362"

[[recipient]]
id = "mailer"
name = "Mailer Inc."
role = "processor"
country = "US"
activities = ["newsletter"]
held_in = ["crm"]
agreement = "contract of 2023"
[[recipient.transfer]]
mechanism = "scc"
valid_until = 2030-01-01

[[recipient]]
id = "partners"
name = "partners"
role = "partner"
category = true

[[domain]]
id = "customers"
systems = ["crm"]

[[domain]]
id = "technical"
systems = ["logs"]

[[join]]
found_in = "customers"
may_search = "technical"

[[promise]]
right = "access"
months = 1
extension = true

[[promise]]
right = "erasure"
days = 20
stricter = true
quote = "within 20 days"

[[exclusion]]
id = "no-marketing"
roles = ["partner"]
marketing = true
quote = "Partners get nothing for marketing."

[[output]]
id = "counts"
name = "counts of orders"
kind = "anonymous"
method = "counts below ten are left out"
"""


def spoiled(old: str, new: str) -> str:
    """Give the small policy with one place of it replaced."""
    assert SMALL.count(old) >= 1, f"not in the policy: {old!r}"
    return SMALL.replace(old, new, 1)


def findings(text: str, on: dt.date = TODAY) -> list[Finding]:
    """Lint a text."""
    return lint(read(text, "policy.toml"), on)


def odigo() -> Register:
    """Give the worked example."""
    return read(ODIGO.read_text(encoding="utf-8"), "deploy/policies/odigo.toml")


def under_a_policy(expunge: CommandLine) -> Path:
    """Put a company under the small policy: more than two records need one person, more than four need two."""
    limits = SMALL.replace("\nrecords = 100\n", "\nrecords = 2\n").replace(
        "four_eyes_records = 1000", "four_eyes_records = 4"
    )
    # Which system is in which domain is the company's own business.
    kept = [one for one in limits.split("\n\n") if not one.lstrip().startswith(("[[domain]]", "[[join]]"))]
    (expunge.home / "policy.toml").write_text("\n\n".join(kept))
    edit(expunge.home / "expunge.toml", 'version = "2026-01"\n', 'file = "policy.toml"\n')
    edit(expunge.home / "expunge.toml", 'controllers = ["quill-example"]\n', "")
    edit(expunge.home / "expunge.toml", 'join_domains = [["crm", "events"], ["crm", "logs"]]\n', "")
    return expunge.home / "policy.toml"
