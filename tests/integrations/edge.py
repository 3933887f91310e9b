"""A real nginx with the files of `integrations/nginx`, in front of small servers that say what has
reached them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from demo.mongod import free_port

FILES = Path(__file__).parents[2] / "integrations" / "nginx"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"

needs_nginx = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")

HTTP = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/culture-feedback-http.conf;
  include {folder}/site.conf;
}}
"""


class Upstream(BaseHTTPRequestHandler):
    """Answers with its name and the request as it came, in a page; compressed for nobody."""

    protocol_version = "HTTP/1.1"
    name = ""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.seen.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = {"by": self.name, "path": self.path, "headers": headers}
        body = f"<html><body><pre>{json.dumps(said)}</pre></body></html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        if "/private" not in self.path:
            self.send_header("Cache-Control", "public, max-age=60")
            self.send_header("Vary", "Origin")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def upstream(name: str) -> Iterator[ThreadingHTTPServer]:
    handler = type("Named", (Upstream,), {"name": name})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def certificate(folder: Path, host: str) -> None:
    """Writes one that the host has signed itself, under the names of the site's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        CertificateBuilder(name, name, key.public_key(), random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{host}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / f"{host}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def replaced(text: str, changes: dict[str, str]) -> str:
    """The file with what is of this machine in it; each change has to be about something."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def nginx_tries(folder: Path, site: str, changes: dict[str, str]) -> list[str]:
    """Write a site of `integrations/` into a folder, have nginx read it, and return the command
    that starts it."""
    for name in ("cdata-locations.conf", "culture-feedback.conf", "culture-feedback.js"):
        shutil.copy(FILES / name, folder)
    common = (FILES / "culture-feedback-http.conf").read_text("utf-8")
    there = {"/var/cache/nginx/culture-feedback": f"{folder}/cache"}
    (folder / "culture-feedback-http.conf").write_text(replaced(common, there), "utf-8")
    (folder / "site.conf").write_text(replaced(site, changes), "utf-8")
    configuration = folder / "nginx.conf"
    # In a container tests are root, whose folders the workers of nginx would not see.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(HTTP.format(folder=folder, user=user), "utf-8")
    command = [NGINX, "-e", str(folder / "start.log"), "-p", str(folder), "-c", str(configuration)]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    return command


@contextmanager
def nginx(folder: Path, site: str, host: str, changes: dict[str, str]) -> Iterator[int]:
    """The port of a site of `integrations/nginx`, with TLS as it is written."""
    port = free_port()
    certificate(folder, host)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/": f"{folder}/",
    } | changes
    command = nginx_tries(folder, (FILES / site).read_text("utf-8"), changes)
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        server.terminate()
        server.wait()
