"""Made-up persons for tests: values long enough to be found by a byte search, and neighbours that are all too similar.

The neighbours' identifiers contain the subject's, or differ from it where SQL's LIKE and regular expressions have
wildcards. A connector that compares carelessly erases them too (I9).
"""

from __future__ import annotations

from typing import Final

import msgspec


class Person(msgspec.Struct, frozen=True):
    """One person. ``seed`` puts as much of this into a store as the store has room for.

    ``customer_id`` and the other numeric ids are digits, so that they fit integer columns of 64 bits.
    """

    email: str
    phone: str
    customer_id: str
    ip: str
    username: str
    cookie_id: str
    name: str
    address: str

    def identifiers(self) -> dict[str, str]:
        """Give identifier kind -> value for every kind there is; ids share the one number."""
        return {
            "email": self.email,
            "phone": self.phone,
            "customer_id": self.customer_id,
            "employee_id": self.customer_id,
            "applicant_id": self.customer_id,
            "account_id": self.customer_id,
            "user_id": self.customer_id,
            "username": self.username,
            "device_id": self.cookie_id,
            "cookie_id": self.cookie_id,
            "ip": self.ip,
        }

    def values(self) -> tuple[str, ...]:
        """Give everything personal, to be searched for."""
        return msgspec.structs.astuple(self)


def person(number: int) -> Person:
    """Give the person with this number (0 to 8999)."""
    return Person(
        email=f"k.a_nary{number}@quill-example.org",
        phone=f"+3315550{number:04d}",
        customer_id=str(904170000 + number),
        ip=f"10.{20 + number // 250}.30.{number % 250 + 4}",
        username=f"ka_nary{number}",
        cookie_id=f"c00kie.{number}.kanary",
        name=f"Quillan Kanary-Öst {number}",
        address=f"{number} Rue du Canari-Égaré",
    )


SUBJECT: Final = person(4)
OTHER: Final = person(5)
STRANGER: Final = person(770)
"""Is in no store."""

NEIGHBOURS: Final = (
    # the subject's value with something before it
    Person(
        email="x" + SUBJECT.email,
        phone="+" + "4" + SUBJECT.phone[1:],
        customer_id="1" + SUBJECT.customer_id,
        ip="1" + SUBJECT.ip,
        username="x" + SUBJECT.username,
        cookie_id="x" + SUBJECT.cookie_id,
        name="X" + SUBJECT.name,
        address="1" + SUBJECT.address,
    ),
    # with something after it
    Person(
        email=SUBJECT.email + ".uk",
        phone=SUBJECT.phone + "1",
        customer_id=SUBJECT.customer_id + "1",
        ip=SUBJECT.ip + "1",
        username=SUBJECT.username + "1",
        cookie_id=SUBJECT.cookie_id + "1",
        name=SUBJECT.name + "1",
        address=SUBJECT.address + "1",
    ),
    # with another character where LIKE has a wildcard
    Person(
        email=SUBJECT.email.replace("_", "x"),
        phone=SUBJECT.phone[:-1] + "9",
        customer_id=SUBJECT.customer_id[:-1] + "9",
        ip="10.20.30.40",
        username=SUBJECT.username.replace("_", "x"),
        cookie_id=SUBJECT.cookie_id + ".x",
        name="Nobody Special",
        address="elsewhere",
    ),
    # and where regular expressions have one
    Person(
        email=SUBJECT.email.replace(".", "x", 1),
        phone=SUBJECT.phone[:-1] + "8",
        customer_id=SUBJECT.customer_id[:-1] + "8",
        ip=SUBJECT.ip.replace(".", "1", 1),
        username="ka-nary4",
        cookie_id=SUBJECT.cookie_id.replace(".", "x"),
        name="Somebody Else",
        address="somewhere",
    ),
    OTHER,
)
