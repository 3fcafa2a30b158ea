"""docs/nginx.conf.example works as it stands, with only its ports and its certificate changed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.databases import ROOT
from tests.ports import free_port
from tests.processes import Site, wait_until
from tests.selling import open_shop
from tests.stripe_events import SECRETS, body_of, signature, subscription_event
from umstripe.database import now

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
NAME = "members.example.org"

pytestmark = [
    pytest.mark.one_database,
    pytest.mark.skipif(not NGINX, reason="nginx is not installed"),
]


@pytest.fixture
def https(app, environ, tmp_path):
    """The address of nginx in front of a running site."""
    open_shop(app)
    site = Site(environ, tmp_path, UMSTRIPE_SITE_URL=f"https://{NAME}", UMSTRIPE_TRUSTED_PROXIES="1")
    site.start()
    port = free_port()
    make_certificate(tmp_path)
    configuration = configure(tmp_path, site.port, port)
    nginx = subprocess.Popen([NGINX, "-c", str(configuration), "-e", str(tmp_path / "error.log")])
    try:
        address = f"https://127.0.0.1:{port}"
        wait_until(lambda: answers(address), "nginx answers")
        yield address
    finally:
        nginx.terminate()
        nginx.wait(20)
        site.stop()


def configure(folder: Path, site_port: int, port: int) -> Path:
    text = (ROOT / "docs" / "nginx.conf.example").read_text()
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{site_port}").replace(
        "443 ssl", f"127.0.0.1:{port} ssl"
    )
    text = text.replace("listen 80", f"listen 127.0.0.1:{free_port()}")
    text = re.sub(r"/etc/ssl/[^/]+/", f"{folder}/", text)
    folders = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{text}}}\n"
    )
    return path


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now())
        .not_valid_after(now().replace(year=now().year + 1, day=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def answers(address: str) -> bool:
    try:
        return get(address, "/healthz").ok
    except requests.RequestException:
        return False


def get(address: str, path: str) -> requests.Response:
    headers = {"Host": NAME}
    return requests.get(address + path, headers=headers, verify=False, timeout=20, allow_redirects=False)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
def test_the_documented_nginx_serves_pages_and_takes_deliveries(https):
    page = get(https, "/login")
    assert page.status_code == 200 and "Secure" in page.headers["Set-Cookie"]
    body = body_of(subscription_event("active", 1_700_000_000))
    headers = {"Host": NAME, "Stripe-Signature": signature(body, SECRETS["test"])}
    answer = requests.post(
        f"{https}/webhooks/stripe/test", data=body, headers=headers, verify=False, timeout=20
    )
    assert answer.json()["result"] == "processed"
    too_big = requests.post(
        f"{https}/login", data=b"a" * 3_000_000, headers=headers, verify=False, timeout=20
    )
    assert too_big.status_code == 413
