"""The requests of a kill run: mostly erasures, some accesses, some of both for one person, some for strangers."""

from __future__ import annotations

import datetime as dt
import random

import msgspec

from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.company import FIRST, made_up


class Workload(msgspec.Struct):
    """What is asked, of how many people.

    Attributes:
        forms: In the order in which they are submitted; request ids say nothing about a person.
        erased: Numbers of the persons to erase, those who are in no store too.
        accesses: Request ids of the accesses.
        people: How many persons the company knows; the others are bystanders.
    """

    forms: list[RequestForm]
    erased: list[int]
    accesses: list[str]
    people: int


def workload(requests: int, seed: int, today: dt.date) -> Workload:
    """Make a workload; the same arguments give the same."""
    chance = random.Random(seed)
    accesses = requests // 10
    erasures = requests - accesses
    strangers = max(1, erasures // 50)
    people = erasures + accesses // 2 + requests // 4
    numbers = chance.sample(range(FIRST, FIRST + people), erasures - strangers + accesses // 2)
    erased = [*numbers[: erasures - strangers], *range(FIRST + people, FIRST + people + strangers)]
    both = numbers[: accesses - accesses // 2]
    only = numbers[erasures - strangers :]
    asked = [(number, Right.ERASURE) for number in erased] + [(number, Right.ACCESS) for number in (*both, *only)]
    chance.shuffle(asked)
    place = {one: at for at, one in enumerate(asked)}
    for number in both:
        # Who wants a copy and then to be erased asks in this order.
        first, last = sorted((place[number, Right.ERASURE], place[number, Right.ACCESS]))
        asked[first], asked[last] = (number, Right.ACCESS), (number, Right.ERASURE)
    received = f"{today - dt.timedelta(days=1)}T08:00:00Z"
    forms = [_form(at, number, right, received) for at, (number, right) in enumerate(asked)]
    copies = [f"r-{at:05d}" for at, (_, right) in enumerate(asked) if right is Right.ACCESS]
    return Workload(forms, sorted(erased), copies, people)


def _form(at: int, number: int, right: Right, received: str) -> RequestForm:
    who = made_up(number)
    # The address of the access log is in no other store: without it, those lines could not be found.
    found = [Identifier("email", who.email), Identifier("ip", who.ip)]
    if number % 5 == 0:
        found.append(Identifier("customer_id", who.customer_id))
    return RequestForm(right, tuple(found), received_at=received, request_id=f"r-{at:05d}")
