"""What can be wrong with a message, by who is at fault. No message text ever quotes a value from the data."""

from __future__ import annotations


class SchemaError(Exception):
    """Something that travels breaks a rule.

    Attributes:
        rule: Short stable id of the broken rule, e.g. ``identifier.email``.
        where: JSON path or field name, never a value.
        fix: What the sender can do about it.
    """

    def __init__(self, rule: str, message: str, *, where: str = "$", fix: str = "") -> None:
        super().__init__(f"{where}: {message}" + (f" ({fix})" if fix else ""))
        self.rule = rule
        self.message = message
        self.where = where
        self.fix = fix


class InvalidIdentifierError(SchemaError):
    """An identifier has an unknown kind or a value that this kind does not allow."""


class MalformedMessageError(SchemaError):
    """Bytes that are not a message of the expected type."""


class UnknownFieldError(SchemaError):
    """A producer sent a field that the message does not have (the "PII firewall", formats.md 3.5)."""


class SealError(SchemaError):
    """A sealed value cannot be opened: wrong key, wrong binding, or altered bytes."""


class UnknownKeyError(SealError):
    """Sealed with a key id that this process does not hold (yet): wait for the key, never dead-letter."""


class RetiredKeyError(SealError):
    """Sealed to a key that was destroyed on purpose: no waiting brings it back, the sender has to take the new one."""
