"""The same front-ends over HTTP, for a browser whose requests are not answered by the test: what is
under `/api`, and logging in, is the portal's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from demo.background import RunningPortal

from .pages import POLICY, file_of, page_of

OF_THE_PORTAL = ("/api/", "/get-csrf", "/login/", "/logout/")
#: Of one connection, not of what is said over it; and the body is passed on as a whole.
BETWEEN_TWO = ("connection", "transfer-encoding", "content-length", "server", "date")


class _Follow(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        """Never: where it leads is for the browser."""


@contextmanager
def serving(flavour: str, portal: RunningPortal) -> Iterator[str]:
    """The address of that front-end."""
    opener = build_opener(_Follow)

    class FrontEnd(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith(OF_THE_PORTAL):
                return self.pass_on()
            if path.startswith("/hosts/"):
                body, kind = file_of(Path(path).name, portal)
                return self.say(200, body.encode(), [("Content-Type", kind)])
            headers = [("Content-Type", "text/html; charset=utf-8")]
            headers.append(("Content-Security-Policy", POLICY))
            return self.say(200, page_of(flavour).encode(), headers)

        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            own = f"http://{self.headers['Host']}"
            headers = {
                name: value.replace(own, portal.url)
                for name, value in self.headers.items()
                if name.lower() not in (*BETWEEN_TWO, "host", "content-length")
            }
            asked = Request(
                portal.url + self.path,
                data=self.rfile.read(length) if length else None,
                headers=headers,
                method=self.command,
            )
            try:
                answer = opener.open(asked)
            except HTTPError as refusal:
                answer = refusal
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in BETWEEN_TWO]
            self.say(answer.status, answer.read(), kept)

        do_POST = pass_on

        def say(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(body)))]:
                self.send_header(name, value)
            self.end_headers()
            if status != 304:
                self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), FrontEnd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
