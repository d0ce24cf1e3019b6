"""A Kafka broker of its own for tests of rights and logins: authorizer on, TLS with its own authority, SASL.

The one listener takes PLAIN for the administrator, who then makes SCRAM users. Where ``EXPUNGE_TEST_KAFKA_JARS``
names a folder with Kafka's jars, a process of this machine is started from them; else a container, as in ``services``.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.kafka.client import client_options
from connectors.kafka.settings import KafkaSettings
from tests.support.services import Kafka, free_port

ADMIN: Final = "admin"
PASSWORD: Final = "canary-broker-password"
JARS: Final = "EXPUNGE_TEST_KAFKA_JARS"
_MODULE: Final = "org.apache.kafka.common.security"


def _properties(pem: Path, ca_file: Path) -> dict[str, str]:
    """Everything but addresses. A listener named SECURE: the official image wants files for one named SASL_SSL."""
    key, _, chain = pem.read_text().partition("-----BEGIN CERTIFICATE-----")
    plain = f'{_MODULE}.plain.PlainLoginModule required username="{ADMIN}" password="{PASSWORD}"'
    return {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,INSIDE:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.secure.plain.sasl.jaas.config": f'{plain} user_{ADMIN}="{PASSWORD}";',
        "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{_MODULE}.scram.ScramLoginModule required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": _line(key),
        "ssl.keystore.certificate.chain": _line("-----BEGIN CERTIFICATE-----" + chain),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": _line(ca_file.read_text()),
    }


def _line(pem: str) -> str:
    """PEM as one line of a properties file, whose backslash-n is a line's end."""
    return pem.strip().replace("\n", "\\n")


class Secured(Protocol):
    """One broker that runs."""

    ca_file: Path

    @property
    def address(self) -> str: ...

    def remove(self) -> None:
        """End it."""

    def tool(self, name: str, *arguments: str) -> str:
        """Run one of Kafka's own programs, by the name of its script, on the inner listener; gives what it printed."""


class _InContainer(Kafka):
    def __init__(self, folder: Path) -> None:
        self.ca_file, pem = certificates(folder)
        super().__init__(environment={_variable(name): value for name, value in _properties(pem, self.ca_file).items()})

    def environment(self) -> dict[str, str]:
        return (
            super().environment()
            | {
                "KAFKA_LISTENERS": f"SECURE://0.0.0.0:{self.inner},INSIDE://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093",
                "KAFKA_ADVERTISED_LISTENERS": f"SECURE://{self.address},INSIDE://127.0.0.1:9094",
            }
            | self._environment
        )

    def answers(self) -> None:
        _ask(self.address, self.ca_file)

    def tool(self, name: str, *arguments: str) -> str:
        inside = _at("127.0.0.1:9094", arguments)
        # the same folder in the official image and in the one that .ci/ prepares
        code, out = self._container.exec_run(["java", "-cp", "/opt/kafka/libs/*", _TOOLS[name], *inside])
        if code:
            raise RuntimeError(out.decode(errors="replace"))
        return str(out.decode())


def _variable(name: str) -> str:
    """``a.b_c-d`` -> ``KAFKA_A_B__C___D``, the official image's way to set a property."""
    return "KAFKA_" + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()


class _OnThisMachine:
    def __init__(self, folder: Path) -> None:
        port, inside, controller = free_port(), free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self._inside = f"127.0.0.1:{inside}"
        self.ca_file, pem = certificates(folder)
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"SECURE://{self.address},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"SECURE://{self.address},INSIDE://127.0.0.1:{inside}",
            "log.dirs": str(folder / "data"),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
        } | _properties(pem, self.ca_file)
        file = folder / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # In one word: one in 64 ids begins with a dash, and would be read as an option.
        run_java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(file))
        self._log = (folder / "broker.log").open("wb")
        self._process = subprocess.Popen(java("kafka.Kafka", str(file)), stdout=self._log, stderr=subprocess.STDOUT)
        until = time.monotonic() + 60
        while True:
            try:
                _ask(self.address, self.ca_file)
                return
            except Exception:  # noqa: BLE001 - whatever it is, it is tried again until there is no time left
                if self._process.poll() is not None or time.monotonic() > until:
                    self.remove()
                    raise RuntimeError((folder / "broker.log").read_text()[-3000:]) from None
                time.sleep(0.2)

    def remove(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def tool(self, name: str, *arguments: str) -> str:
        return run_java(name, *_at(self._inside, arguments))


def _at(address: str, arguments: Sequence[str]) -> list[str]:
    """The same arguments for the inner listener, where nobody logs in."""
    found = list(arguments)
    for option, value in (("--bootstrap-server", [address]), ("--command-config", None)):
        if option in found:
            place = found.index(option)
            found[place : place + 2] = [option, *value] if value else []
    return found


_TOOLS: Final = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}


def java(name: str, *arguments: str, heap: str = "384m") -> list[str]:
    """Give the command that starts one of Kafka's own programs: its class, or the name of its script."""
    options = [f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return ["java", *options, "-cp", f"{os.environ[JARS]}/*", _TOOLS.get(name, name), *arguments]


def run_java(name: str, *arguments: str) -> str:
    """Run one of Kafka's own programs; gives what it printed."""
    done = subprocess.run(java(name, *arguments), capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def as_admin(address: str, ca_file: Path) -> KafkaSettings:
    """Give the settings of the administrator, who logs in with PLAIN."""
    os.environ.update({"TEST_KAFKA_ADMIN": ADMIN, "TEST_KAFKA_ADMIN_PASSWORD": PASSWORD})
    return KafkaSettings((address,), "SASL_SSL", "PLAIN", "TEST_KAFKA_ADMIN", "TEST_KAFKA_ADMIN_PASSWORD", str(ca_file))


def _ask(address: str, ca_file: Path) -> None:
    from kafka import KafkaAdminClient

    # kafka-python leaves sockets open where it is not let in: knock first, and shake hands
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=3) as plain:
        ssl.create_default_context(cafile=str(ca_file)).wrap_socket(plain, server_hostname=host).close()
    admin = KafkaAdminClient(**client_options(as_admin(address, ca_file)) | {"bootstrap_timeout_ms": 3_000})
    try:
        if not admin.describe_cluster()["brokers"]:
            raise ConnectionError("the broker has not joined its own cluster yet")
    finally:
        admin.close()


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Start one, and end it afterwards."""
    one: Secured
    if os.environ.get(JARS) and shutil.which("java"):
        one = _OnThisMachine(folder)
    else:
        container = _InContainer(folder)
        with container:
            yield container
        return
    try:
        yield one
    finally:
        one.remove()


def certificates(folder: Path, name: str = "broker") -> tuple[Path, Path]:
    """Make an authority and a broker's certificate; gives the authority's file, and the broker's key with its chain."""
    now = dt.datetime.now(dt.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority of {name}")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])

    def builder(who: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    root = (
        builder(authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    leaf = (
        builder(subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    ca_file, pem = folder / f"{name}-ca.pem", folder / f"{name}.pem"
    ca_file.write_bytes(root.public_bytes(encoding))
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + leaf.public_bytes(encoding) + root.public_bytes(encoding))
    return ca_file, pem
