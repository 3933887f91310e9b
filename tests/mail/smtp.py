"""A small real SMTP server: takes mails, or does what the test tells it."""

from __future__ import annotations

import email
import socketserver
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from threading import Thread
from types import TracebackType
from typing import Any, Self

ACCEPT = "250 accepted"


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens on a free port within its block. `answer` is asked once a mail has come whole: what
    it answers is what the server says of it, before it hangs up if `hangs_up`. `raw` is what came
    over the wire."""

    allow_reuse_address = True
    daemon_threads = True
    hangs_up = False

    def __init__(self, answer: Callable[[EmailMessage], str] = lambda mail: ACCEPT) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.answer = answer
        self.accepted: list[EmailMessage] = []
        self.refused: list[EmailMessage] = []
        self.raw: list[bytes] = []

    @property
    def port(self) -> int:
        return self.server_address[1]

    def take(self, raw: bytes) -> str:
        mail = email.message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        answer = self.answer(mail)
        (self.accepted if answer.startswith("2") else self.refused).append(mail)
        self.raw.append(raw)
        return answer

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()


class _Dialogue(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self._say("220 test")
        while line := self.rfile.readline():
            match line[:4].strip().upper():
                case b"DATA":
                    self._say("354 go on")
                    self._say(self.server.take(self._body()))
                    if self.server.hangs_up:
                        return
                case b"QUIT":
                    self._say("221 bye")
                    return
                case b"STAR" | b"AUTH":
                    self._say("502 no such thing")
                case _:
                    self._say("250 ok")

    def _body(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, text: Any) -> None:
        self.wfile.write(f"{text}\r\n".encode())
