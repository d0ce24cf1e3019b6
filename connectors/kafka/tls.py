"""Why a broker cannot be reached over TLS: kafka-python says "timeout" where a certificate is not believed."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

from connectors.errors import MisconfiguredError, UnavailableError
from connectors.kafka.settings import KafkaSettings

_SECONDS = 5.0


@contextlib.contextmanager
def explained(settings: KafkaSettings) -> Iterator[None]:
    """Look at the certificate when no broker could be reached, and whether it is the login that fails.

    A broker that refuses a login says so and closes the connection at once; kafka-python then often sees the end before
    the words, and can only say that nobody answered.

    Raises:
        MisconfiguredError: we do not believe the broker's certificate, or it does not speak TLS.
        UnavailableError: as it was, where TLS is not the reason.
    """
    try:
        yield
    except UnavailableError as error:
        if _answers(settings) and settings.security_protocol.startswith("SASL"):
            what = "a broker answers, and closes the connection before we are logged in"
            fix = "see the user name and password in the environment, and sasl_mechanism"
            raise UnavailableError(error.code, what, why=error.why, fix=fix) from None
        raise


def _answers(settings: KafkaSettings) -> bool:
    """Tell whether a broker takes a connection, and over TLS whether it proves who it is."""
    secure = settings.security_protocol.endswith("SSL")
    context = ssl.create_default_context(cafile=settings.ca_file or None) if secure else None
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=_SECONDS) as plain:
                if context is not None:
                    context.wrap_socket(plain, server_hostname=host).close()
            return True
        except ssl.SSLCertVerificationError as error:
            what = f"[kafka] the certificate of {server} is not believed: {error.verify_message}"
            fix = "ca_file: the PEM file of the authority that signed the brokers' certificates"
            raise MisconfiguredError("kafka", what, fix=fix) from None
        except ssl.SSLError as error:
            what = f"[kafka] {server} does not speak our TLS: {error.reason or type(error).__name__}"
            raise MisconfiguredError("kafka", what, fix="security_protocol, and the port of that listener") from None
        except (OSError, ValueError):
            continue
    return False
