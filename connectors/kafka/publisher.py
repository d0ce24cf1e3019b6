"""For programs that publish requests and read completions; needs this package and kafka-python, nothing of ours runs.

    with Publisher("broker:9092", "intake.pub.jwk") as publisher:
        request_id = publisher.submit(RequestForm(Right.ERASURE, (Identifier("email", "ann@example.org"),)))

The identifiers are sealed before anything leaves this process (decision 8); docs/wire-format.md says how other
languages do the same.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from connectors.errors import MisconfiguredError
from connectors.kafka.client import consumer_options, friendly, producer_options
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.tls import explained
from schemas import batches, envelope
from schemas.codec import decode, decode_event, encode
from schemas.errors import SchemaError
from schemas.published import Completion
from schemas.publishing import request_event
from schemas.requests import RequestForm, new_request_id, utc, validated
from schemas.sealing import IntakePublicKey, unb64u
from schemas.topics import COMPLETIONS, REQUESTS

SOURCE: Final = "/publishers/python"
_POLL_MS: Final = 500
_LEAST_SECRET: Final = 32


class Publisher:
    """Publishes requests. One object may be shared by threads; close it, or use it as a context manager."""

    def __init__(
        self,
        kafka: str | Sequence[str] | KafkaSettings,
        intake_public_key_file: Path | str,
        *,
        source: str = SOURCE,
        secret: bytes | None = None,
        now: Callable[[], dt.datetime] | None = None,
    ) -> None:
        """Connect.

        Args:
            kafka: ``host:port`` of a broker or several, or settings with TLS and SASL.
            intake_public_key_file: ``keys/intake.pub.jwk`` of the orchestrator's home folder.
            source: Names the publishing program in its events; a URI reference.
            secret: At least 32 bytes that only this program has. With it, a form with ``request_id`` and
                ``received_at`` becomes the same bytes every time, so that it may be submitted again after a crash.
            now: The clock; the machine's by default.

        Raises:
            MisconfiguredError: the key file cannot be used, or the brokers do not let us in.
            UnavailableError: no broker answers.
        """
        if secret is not None and len(secret) < _LEAST_SECRET:
            raise MisconfiguredError("publisher", f"a secret has at least {_LEAST_SECRET} bytes", fix="os.urandom(32)")
        self._settings = _settings(kafka)
        self._public = read_intake_key(Path(intake_public_key_file))
        self._source = source
        self._secret = secret
        self._now = now or _machine_s_clock
        self._wait = self._settings.request_timeout_ms / 1000 + 5
        import kafka as library

        with explained(self._settings), friendly():
            self._producer: Any = library.KafkaProducer(**producer_options(self._settings))

    def submit(self, form: RequestForm) -> str:
        """Publish one request; returns its id once all replicas in sync have it.

        An event with the same id counts once. A form that brings its own ``request_id`` may be submitted again after an
        error or a crash only if it becomes the same bytes (see ``secret``): the same id with other bytes is a
        contradiction that a person is told about.

        Raises:
            SchemaError: a rule is broken; names the field, never a value.
            UnavailableError: no acknowledgement came; the request may have been published or not.
            MisconfiguredError: we may not publish, or there is no such topic.
        """
        request_id, event = self._event(form)
        headers = [("content-type", batches.ONE.encode())]
        with friendly(f"topic {REQUESTS.name}"):
            sent = self._producer.send(REQUESTS.name, event, key=request_id.encode(), headers=headers)
            sent.get(timeout=self._wait)
        return request_id

    def submit_all(self, forms: Iterable[RequestForm]) -> list[str]:
        """Publish many requests, up to a hundred a message; returns their ids, in order, once all replicas have them.

        Every form is held against the rules before the first one leaves: with one that breaks a rule none is published.

        Raises:
            SchemaError: a rule is broken; names the field, never a value.
            UnavailableError: not all were acknowledged; any of them may have been published or not.
            MisconfiguredError: we may not publish, or there is no such topic.
        """
        made = [self._event(form) for form in forms]
        values = batches.pack([event for _, event in made])
        with friendly(f"topic {REQUESTS.name}"):
            flights = [
                self._producer.send(
                    REQUESTS.name, value, headers=[("content-type", batches.content_type(value).encode())]
                )
                for value in values
            ]
            self._producer.flush(timeout=self._wait)
            for one in flights:
                one.get(timeout=self._wait)
        return [request_id for request_id, _ in made]

    def _event(self, form: RequestForm) -> tuple[str, bytes]:
        now = self._now()
        valid = validated(form, now=now)
        if self._repeats(valid) and valid.received_at is None:
            fix = "say when the request reached you; the moment of publishing would be another one the next time"
            raise SchemaError(
                "request.received_at.missing", "a request that may be repeated", where="$.received_at", fix=fix
            )
        request_id = valid.request_id or new_request_id(now, os.urandom(16))
        event = request_event(
            valid,
            self._public,
            request_id=request_id,
            source=self._source,
            # What may be submitted again happened when it was received; the moment of a repetition is another one.
            now=valid.received_at or utc(now) if self._repeats(valid) else utc(now),
            chance=self._chance(valid, request_id),
        )
        return request_id, encode(event)

    def completions(self, name: str, *, idle_seconds: float | None = None) -> Iterator[Completion]:
        """Read what the orchestrator completed, from where this reader was; first from the oldest that is kept.

        A completion is passed by only when the next one is asked for: after a crash the last ones come again, and so
        they do when the brokers gave this reader's place away, since it was not heard of for a session. What it says
        is to be believed after its signature was checked (`expunge verify`, docs/wire-format.md).

        Args:
            name: Of this reader, as it stands in ``[kafka] readers``.
            idle_seconds: End after so long without a message; never by default.

        Raises:
            UnavailableError: no broker answers. MisconfiguredError: we may not read them.
        """
        from kafka.errors import CommitFailedError, RebalanceInProgressError

        from connectors.kafka.member import Member  # lazy: it imports the library

        moved = (CommitFailedError, RebalanceInProgressError)
        options = consumer_options(self._settings, self._settings.reader_group(name))
        with explained(self._settings), friendly(f"topic {COMPLETIONS.name}"):
            consumer = Member(COMPLETIONS.name, **options)
        waited = 0.0
        try:
            while idle_seconds is None or waited < idle_seconds:
                with friendly(f"topic {COMPLETIONS.name}"):
                    polled = consumer.poll(timeout_ms=_POLL_MS)
                found = [one.value for many in polled.values() for one in many]
                waited = 0.0 if found else waited + _POLL_MS / 1000
                for value in found:
                    yield from _completions_in(value)
                if found:
                    # A place that was taken away, after a pause of a session: what was read comes again.
                    with friendly(f"topic {COMPLETIONS.name}"), contextlib.suppress(*moved):
                        consumer.commit()
        finally:
            consumer.close(autocommit=False)

    def close(self) -> None:
        """Release everything."""
        self._producer.close(timeout=self._settings.request_timeout_ms / 1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repeats(self, form: RequestForm) -> bool:
        return self._secret is not None and form.request_id is not None

    def _chance(self, form: RequestForm, request_id: str) -> Callable[[int], bytes]:
        """Random bytes; with a secret, bytes that nobody else can tell from random, the same for the same content."""
        if self._secret is None or form.request_id is None:
            return os.urandom
        whole = encode(msgspec.structs.replace(form, identifiers=tuple(sorted(form.identifiers))))
        seed = hmac.digest(self._secret, b"expunge-publisher-v1\0" + request_id.encode() + b"\0" + whole, "sha256")
        return lambda count: hmac.digest(seed, b"%d" % count, "sha256")[:count]


def read_intake_key(file: Path) -> IntakePublicKey:
    """Read the orchestrator's public key (JWK, RFC 8037).

    Raises:
        MisconfiguredError: not there, not such a key, or the private one.
    """
    fix = "use keys/intake.pub.jwk of the orchestrator's home folder"
    try:
        jwk = decode(file.read_bytes(), _Jwk)
        if (jwk.kty, jwk.crv) != ("OKP", "X25519"):
            raise MisconfiguredError("publisher", "not an X25519 key", file=str(file), fix=fix)
        if jwk.d:
            raise MisconfiguredError("publisher", "a private key has no place here", file=str(file), fix=fix)
        return IntakePublicKey(jwk.kid, unb64u(jwk.x))
    except OSError as error:
        message = f"the key cannot be read: {error.strerror}"
        raise MisconfiguredError("publisher", message, file=str(file), fix=fix) from None
    except SchemaError:
        raise MisconfiguredError("publisher", "not a public key as JWK", file=str(file), fix=fix) from None


class _Jwk(msgspec.Struct):
    kty: str
    crv: str
    kid: str
    x: str
    d: str = ""


def _settings(kafka: str | Sequence[str] | KafkaSettings) -> KafkaSettings:
    if isinstance(kafka, KafkaSettings):
        return kafka
    return KafkaSettings(tuple(kafka.split(",")) if isinstance(kafka, str) else tuple(kafka))


def _machine_s_clock() -> dt.datetime:
    # A program outside of ours: no runtime gives it a clock.
    return dt.datetime.now(dt.UTC)  # noqa: TID251


def _completions_in(value: bytes) -> Iterator[Completion]:
    """Events of other types, and what cannot be read, are passed by: a newer orchestrator may write more."""
    for raw in batches.unpack(value):
        if isinstance(raw, batches.Unreadable):
            continue
        try:
            event = decode_event(raw)
            if event.type == envelope.COMPLETION:
                yield decode(bytes(event.data), Completion)
        except SchemaError:
            continue
