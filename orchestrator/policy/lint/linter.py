"""The table of rules, and the one function that goes through it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from orchestrator.policy.lint import document, purposes, recipients
from orchestrator.policy.lint.answers import Answer, judged
from orchestrator.policy.lint.finding import Finding, Rule, finding
from orchestrator.policy.register import Register

RULES: Final = (
    Rule("basis-contract-party", "S06", "warning", "GDPR Art. 6(1)(b)", purposes.contract_with_somebody_else),
    Rule("anonymous-without-method", "S09", "warning", "GDPR recital 26", document.anonymous_without_method),
    Rule("basis-no-obligation", "S10", "warning", "GDPR Art. 6(1)(c), 6(3)", purposes.obligation_of_nobody),
    Rule("retention-undecided", "S14", "error", "GDPR Art. 5(1)(e), 13(2)(a)", purposes.no_period),
    Rule("text-not-in-force", "S17", "error", "GDPR Art. 5(1)(e), 17(3)(b)", purposes.text_not_in_force),
    Rule("transfer-over", "S20", "error", "GDPR Art. 13(1)(f), 44-46", recipients.transfer_over),
    Rule("transfer-without-mechanism", "S20", "error", "GDPR Art. 13(1)(f), 44-46", recipients.no_mechanism),
    Rule("contradiction", "S21", "error", "GDPR Art. 5(1)(a), 13(1)(e)", recipients.excluded_and_done),
    Rule("country-unknown", "S24", "warning", "GDPR Art. 13(1)(f), 30(1)(e)", recipients.no_country),
    Rule("agreement-missing", "S25", "warning", "GDPR Art. 28(3)", recipients.no_agreement),
    Rule("authority-missing", "S47", "warning", "GDPR Art. 33, 77; UK GDPR Art. 33, 77", document.no_authority),
    Rule("notice-before-change", "S51", "error", "GDPR Art. 5(1)(a), 12(1)", document.notice_impossible),
    Rule("fields-missing", "S54", "warning", "GDPR Art. 15(1)(b), 30(1)(c)", purposes.no_fields),
    Rule("retention-missing", "S54", "error", "GDPR Art. 5(1)(e), 13(2)(a)", purposes.no_retention),
    Rule("open-question", "S06", "warning", "GDPR Art. 5(2)", document.left_open),
)


def lint(register: Register, on: dt.date, answers: Sequence[Answer] = ()) -> list[Finding]:
    """Judge a policy as of a day; findings in the order of the table, then of the file.

    Args:
        register: The policy.
        on: The day.
        answers: What was answered to findings, the oldest first; the latest one stands beside its finding.
    """
    found = [finding(rule, hit, register) for rule in RULES for hit in rule.find(register, on)]
    latest = {one.finding: one for one in answers}
    seen: Counter[str] = Counter()
    made: list[Finding] = []
    for one in found:
        seen[one.id] += 1
        # Two of one rule about one entry: the second has a name of its own.
        name = one.id if seen[one.id] == 1 else f"{one.id}:{seen[one.id]}"
        answered = judged(latest[name], one.digest, on) if name in latest else None
        made.append(msgspec.structs.replace(one, id=name, answered=answered))
    return made
