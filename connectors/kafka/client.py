"""Options of the Kafka clients, and their errors in our words.

Everything that opens a client takes its options from here: TLS, SASL, short sessions, no topic made by accident, and
no log that would show what travels (kafka-python prints keys and values at debug level, I4).
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from connectors.errors import ConnectorError, MisconfiguredError, UnavailableError
from connectors.kafka.settings import KafkaSettings

MAX_MESSAGE_BYTES: Final = 1_000_000
"""What a broker takes by default is 1 MiB, headers and framing included."""
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Most bytes of one answer of the broker, over all partitions: what a consumer holds in memory beside its batch."""
_HEARTBEATS: Final = 5
"""So many in a session: with a session of 10 s one every 2 s (takeover after a kill was quick, services.md)."""
_BOOTSTRAP_MS: Final = 10_000
_PARTITION_BYTES: Final = 1024 * 1024
_LINGER_MS: Final = 2
_LOGGERS: Final = ("kafka", "aiokafka")


class TooLargeError(MisconfiguredError):
    """A message is larger than the topic, or our own client, takes."""


def client_options(settings: KafkaSettings, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give what every kind of client needs: consumer, producer, admin.

    Raises:
        MisconfiguredError: no broker named, a certificate that is not there, or no user name and password in the
            environment.
    """
    quiet()
    if not settings.bootstrap_servers:
        raise _wrong("no broker is named", 'bootstrap_servers = ["host:9092"]')
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": settings.prefix,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": settings.request_timeout_ms,
        "bootstrap_timeout_ms": min(settings.request_timeout_ms, _BOOTSTRAP_MS),
        "reconnect_backoff_max_ms": 1_000,
    }
    if settings.security_protocol.endswith("SSL"):
        files = {
            "ssl_cafile": ("ca_file", settings.ca_file),
            "ssl_certfile": ("certificate_file", settings.certificate_file),
            "ssl_keyfile": ("key_file", settings.key_file),
        }
        options |= {option: _readable(name, file) for option, (name, file) in files.items() if file}
        if bool(settings.certificate_file) != bool(settings.key_file):
            raise _wrong("certificate_file and key_file belong together", "give both, or none")
    if settings.security_protocol.startswith("SASL"):
        given = os.environ if environment is None else environment
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": _secret("username_env", settings.username_env, given),
            "sasl_plain_password": _secret("password_env", settings.password_env, given),
        }
    return options


def consumer_options(settings: KafkaSettings, group: str) -> dict[str, Any]:
    """Give what a consumer needs: it commits only when told to, and starts at the beginning of what is kept.

    Raises:
        MisconfiguredError: as ``client_options``.
    """
    return client_options(settings) | {
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": settings.session_timeout_ms // _HEARTBEATS,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": _PARTITION_BYTES,
        "metrics_enabled": False,
    }


def producer_options(settings: KafkaSettings) -> dict[str, Any]:
    """Give what a producer needs: idempotent, acknowledged by all replicas in sync.

    Raises:
        MisconfiguredError: as ``client_options``.
    """
    return client_options(settings) | {
        "enable_idempotence": True,
        "acks": "all",
        "allow_auto_create_topics": False,
        "linger_ms": _LINGER_MS,
        "batch_size": _PARTITION_BYTES,
        "max_request_size": MAX_MESSAGE_BYTES,
        "max_block_ms": settings.request_timeout_ms,
        "delivery_timeout_ms": settings.request_timeout_ms + 2 * _LINGER_MS + 1_000,
        "metrics_enabled": False,
    }


def quiet() -> None:
    """Keep what travels out of the logs, whatever level the program has (I4)."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("kafka.net.connection").addFilter(_REFUSALS)  # once: a filter that is there is not added again


class _Refusals(logging.Filter):
    """Notices that the brokers refused our credentials: kafka-python logs it, tries again, and raises a time-out."""

    last = -1.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through."""
        if "SaslAuthenticationFailed" in record.getMessage():
            self.last = time.monotonic()
        return True


_REFUSALS: Final = _Refusals()


@contextlib.contextmanager
def friendly(what: str = "the Kafka cluster") -> Iterator[None]:
    """Turn what kafka-python raises into our errors; their texts name no data.

    Args:
        what: What was asked for: a topic, a group.

    Raises:
        UnavailableError: time may mend it.
        MisconfiguredError: a person has to: credentials, rights, a topic that is not there.
        TooLargeError: a message is too large.
    """
    from kafka.errors import KafkaError

    began = time.monotonic()
    try:
        yield
    except KafkaError as error:
        raise _translated(error, what, refused=_REFUSALS.last >= began) from None
    except OSError as error:
        raise _unreachable(error, what) from None


def _translated(error: Exception, what: str, *, refused: bool) -> ConnectorError:
    from kafka import errors as e

    name = type(error).__name__
    sasl = (e.SaslAuthenticationFailedError, e.UnsupportedSaslMechanismError, e.IllegalSaslStateError)
    if isinstance(error, sasl) or (refused and isinstance(error, e.KafkaTimeoutError)):
        fix = "see the user name and password in the environment, and sasl_mechanism"
        return _wrong("the brokers do not let us in", fix)
    if isinstance(error, e.AuthorizationError):
        return _wrong(f"not allowed to use {what}: {name}", "give the principal what `expunge kafka plan` lists")
    if isinstance(error, e.UnknownTopicOrPartitionError):
        return _wrong(f"{what} is not there", "run `expunge kafka apply`")
    if isinstance(error, e.MessageSizeTooLargeError | e.RecordListTooLargeError):
        fix = f"let it take {MAX_MESSAGE_BYTES} bytes"
        return TooLargeError("kafka", f"a message is too large for {what}", fix=fix)
    if isinstance(error, e.KafkaConfigurationError | e.UnsupportedVersionError):
        return _wrong(f"the client and the brokers do not fit: {name}", "see [kafka]")
    return _unreachable(error, what)


def _unreachable(error: Exception, what: str) -> UnavailableError:
    fix = "see that the brokers of [kafka] are up"
    return UnavailableError("kafka", f"{what} cannot be reached", why=type(error).__name__, fix=fix)


def _readable(name: str, file: str) -> str:
    try:
        with Path(file).open("rb"):
            return file
    except OSError as error:
        raise _wrong(f"{name} cannot be read: {error.strerror}", f"put the PEM file at {file}") from None


def _secret(setting: str, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "")
    if not value:
        raise _wrong(f"the environment variable {variable} is not set", f"set it, or name another one with {setting}")
    return value


def _wrong(message: str, fix: str) -> MisconfiguredError:
    return MisconfiguredError("kafka", f"[kafka] {message}", fix=fix)
