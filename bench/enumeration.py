"""How long the site takes for addresses with and without an account: `python -m bench.enumeration`.

What tests count as work is measured here in milliseconds: medians of asking for a new password and of registering.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from flask_migrate import upgrade

from tests.databases import environ_for
from tests.people import Browserless, make_user
from umstripe import create_app

TIMES = 40


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/site.sqlite"
        app = create_app(environ_for(url, Path(folder) / "instance", UMSTRIPE_MAIL_URL="smtp://127.0.0.1:9"))
        with app.app_context():
            upgrade()
        for number in range(TIMES):
            make_user(app, f"known{number}")
        for address in ("/reset", "/register"):
            for name in ("known", "unknown"):
                print(f"{address:10} {name:8} {_median(app, address, name):6.1f} ms")


def _median(app, address: str, name: str) -> float:
    """Return the median of one request for each of many addresses, in milliseconds."""
    taken = []
    for number in range(TIMES):
        client = Browserless(app.test_client())
        client.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        fields = client.get(address).form("email")["fields"]
        fields |= {"email": f"{name}{number}@example.org"}
        if address == "/register":
            fields |= {"username": f"new{name}{number}"}
        begun = time.perf_counter()
        client.client.post(address, data=fields)
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
