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
    """Look at the certificate when no broker could be reached.

    Raises:
        MisconfiguredError: we do not believe the broker's certificate, or it does not speak TLS.
        UnavailableError: as it was, where TLS is not the reason.
    """
    try:
        yield
    except UnavailableError:
        if settings.security_protocol.endswith("SSL"):
            _shake_hands(settings)
        raise


def _shake_hands(settings: KafkaSettings) -> None:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=_SECONDS) as plain:
                context.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            what = f"[kafka] the certificate of {server} is not believed: {error.verify_message}"
            fix = "ca_file: the PEM file of the authority that signed the brokers' certificates"
            raise MisconfiguredError("kafka", what, fix=fix) from None
        except ssl.SSLError as error:
            what = f"[kafka] {server} does not speak our TLS: {error.reason or type(error).__name__}"
            raise MisconfiguredError("kafka", what, fix="security_protocol, and the port of that listener") from None
        except (OSError, ValueError):
            continue
