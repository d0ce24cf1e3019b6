"""A mail server for tests (RFC 5321): takes mails, over TLS where it has a certificate, or refuses them."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Security = Literal["starttls", "tls", "none"]


class MailSink:
    """What came in: the bytes of each mail, its envelope, and who logged in over what."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.envelopes: list[tuple[str, str]] = []
        self.logins: list[str] = []
        self.encrypted: list[bool] = []
        self.refusing = False
        self.port = 0


class _Handler(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._talk()

    def _talk(self) -> None:
        server: _Server = self.server  # type: ignore[assignment]
        sink = server.sink
        sender = receiver = ""
        encrypted = server.security == "tls"
        if encrypted:
            self._encrypt(server)
        self._say("220 sink.example")
        while line := self.rfile.readline().decode("ascii").strip():
            word = line.partition(" ")[0].upper()
            if word == "EHLO":
                offers = ["sink.example", *(["STARTTLS"] if server.security == "starttls" and not encrypted else [])]
                lines = [*offers, "AUTH PLAIN"]
                for at, one in enumerate(lines):
                    self._say(f"250{' ' if at == len(lines) - 1 else '-'}{one}")
            elif word == "STARTTLS":
                self._say("220 go on")
                self._encrypt(server)
                encrypted = True
            elif word == "AUTH":
                sink.logins.append(base64.b64decode(line.rpartition(" ")[2]).decode())
                good = sink.logins[-1] == "\0expunge\0canary-mail-password"
                self._say("235 welcome" if good else "535 no: canary-mail-password is wrong")
            elif word == "MAIL":
                sender = line
                self._say("451 later, says ada@canary.example" if sink.refusing else "250 ok")
            elif word == "RCPT":
                receiver = line
                self._say("250 ok")
            elif word == "DATA":
                self._say("354 go on")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part
                sink.mails.append(body)
                sink.envelopes.append((sender, receiver))
                sink.encrypted.append(encrypted)
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _encrypt(self, server: _Server) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate)
        self.request = context.wrap_socket(self.request, server_side=True)
        self.setup()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
            self.request.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    security: Security
    certificate: str
    sink: MailSink


@contextlib.contextmanager
def mail_server(security: Security = "none", certificate: Path | None = None) -> Iterator[MailSink]:
    """Run one on a free port. ``certificate``: PEM file with its key."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.security, server.certificate, server.sink = security, str(certificate), MailSink()
        server.sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.sink
        finally:
            server.shutdown()
            thread.join()
