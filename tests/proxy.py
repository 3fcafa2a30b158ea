"""nginx in front of a site, with https outside: as an operator sets it up, or half of it."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.needs import nginx
from tests.processes import Process, wait_until

HEADERS = {
    "host": "proxy_set_header Host $http_host;",
    "proto": "proxy_set_header X-Forwarded-Proto $scheme;",
    "for": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
}
CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ proxy_pass {upstream}; {headers} }}
  }}
}}
"""


class Nginx(Process):
    """Passes on what is named in `sends`: host, proto, for."""

    def __init__(self, folder: Path, port: int, upstream: str, sends: tuple[str, ...]) -> None:
        self.port = port
        make_certificate(folder)
        (folder / "nginx.conf").write_text(
            CONFIG.format(
                folder=folder,
                port=port,
                upstream=upstream,
                headers=" ".join(HEADERS[name] for name in sends),
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        command = [
            str(nginx()),
            "-p",
            str(folder),
            "-c",
            str(folder / "nginx.conf"),
            "-e",
            str(folder / "nginx-error.log"),
        ]
        super().__init__("nginx", command, dict(os.environ), folder)

    def wait(self) -> None:
        wait_until(self._listens, f"nginx listens: {self.log()[-2000:]}")

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def make_certificate(folder: Path) -> None:
    """A self-signed one for localhost, in PEM."""
    if (folder / "key.pem").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=30))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    kind = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *kind))
