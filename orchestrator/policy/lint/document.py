"""Rules about the document itself: its versions, its controllers, what it declares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from orchestrator.policy.lint.finding import Hit
from orchestrator.policy.register import Register

_REGIMES = {"eu": "GDPR", "uk": "UK GDPR", "california": "law of California"}


def notice_impossible(register: Register, _: dt.date) -> Iterator[Hit]:
    """A notice before a change becomes effective is promised, and the dates do not show that one was possible."""
    changes = register.document.changes
    if not changes.notice_before:
        return
    for one in register.document.version:
        if one.first:
            continue
        entries = (("version", one), ("changes", changes))
        ask = f"From which day does version {one.id} apply, and when was the notice of it posted?"
        if one.effective_on is None:
            problem = (
                f"a notice is promised before a change becomes effective; version {one.id} was published on "
                f"{one.published_on}, and the day it becomes effective is not stated"
            )
            yield Hit(entries, problem, ask, "warning")
        elif one.effective_on < one.published_on:
            problem = (
                f"version {one.id} is effective from {one.effective_on}, before it was published ({one.published_on})"
            )
            yield Hit(entries, problem, ask)
        elif one.notice_on is not None and one.notice_on >= one.effective_on:
            problem = (
                f"a notice is promised before a change becomes effective; version {one.id} is effective from "
                f"{one.effective_on}, and its notice was posted on {one.notice_on}"
            )
            yield Hit(entries, problem, ask)
        elif one.notice_on is None and one.effective_on == one.published_on:
            problem = (
                f"a notice is promised before a change becomes effective; version {one.id} is effective from the day "
                f"it was published ({one.published_on}), and no earlier notice is recorded"
            )
            yield Hit(entries, problem, ask, "warning")


def no_authority(register: Register, _: dt.date) -> Iterator[Hit]:
    """An authority is named for controllers under one law, and none for those under another."""
    document = register.document
    named = {one.regime for one in document.controller if one.authority}
    for regime in dict.fromkeys(one.regime for one in document.controller):
        without = [one for one in document.controller if one.regime == regime]
        if named and regime not in named:
            only = ", ".join(dict.fromkeys(one.authority for one in document.controller if one.authority))
            names = ", ".join(one.name for one in without)
            yield Hit(
                tuple(("controller", one) for one in without)
                + tuple(("controller", one) for one in document.controller if one.authority),
                f"the only authority named is {only}; none is named for {names}, under {_REGIMES[regime]}",
                f"Which authority is told of a breach, and takes complaints, for {names}?",
            )


def anonymous_without_method(register: Register, _: dt.date) -> Iterator[Hit]:
    """What is called anonymous is out of scope only if somebody says how it was made so."""
    for one in register.document.output:
        if one.kind == "anonymous" and not one.method:
            yield Hit(
                (("output", one),),
                f"{one.name}: it is not said how they are made anonymous",
                f"How are {one.name} made so that nobody can be found in them? Until that is said they are in scope.",
            )


def left_open(register: Register, _: dt.date) -> Iterator[Hit]:
    """A question that the register itself leaves open."""
    for one in register.document.activity:
        if one.open_question:
            yield Hit((("activity", one),), f"{one.id} has an open question", one.open_question)
