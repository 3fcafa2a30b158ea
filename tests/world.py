"""Everything running: site under gunicorn, worker, simulator and, if wanted, the contract proxy between them."""

from __future__ import annotations

import re
from pathlib import Path

from tests import forks
from tests.databases import environ_for
from tests.people import PASSWORD, Browserless, Http
from tests.processes import ContractProxy, Simulator, Site, Worker, start_together, umstripe


class World:
    """Starts all of it on free ports. `watched`: with the proxy in both directions."""

    def __init__(self, database_url: str, folder: Path, watched: bool = False, *simulator: str) -> None:
        self.folder = folder
        self.simulator = Simulator(folder, *simulator)
        self.simulator.start()
        self.proxy = ContractProxy(folder, self.simulator.url) if watched else None
        environ = environ_for(database_url, folder / "instance")
        environ["UMSTRIPE_STRIPE_API_BASE"] = self.proxy.url if self.proxy else self.simulator.url
        if self.proxy:
            environ["UMSTRIPE_SITE_URL"] = f"http://127.0.0.1:{self.proxy.hook_port}"
        self.environ = environ
        self.site = Site(environ, folder)
        self.worker = Worker({**environ, "UMSTRIPE_BIND": self.site.environ["UMSTRIPE_BIND"]}, folder)
        if self.proxy:
            self.proxy.watch(self.site.url)
        start_together(self.site, self.worker)

    def setup_link(self) -> str:
        """What the start prints, as an address on the site."""
        done = forks.run(umstripe("setup-link"), self.environ)
        found = re.search(r"/setup\?token=\S+", done.stdout)
        assert found, done.stdout + done.stderr
        return self.site.url + found.group(0)

    def administrator(self) -> Browserless:
        """A person without a browser who has just set the site up."""
        person = Browserless(Http(self.site.url))
        words = {"username": "admin", "email": "admin@example.org"}
        person.submit(self.setup_link(), **words, password=PASSWORD, password_again=PASSWORD)
        return person

    def stop(self) -> None:
        """At once: how they end in peace is tried elsewhere, and takes some seconds."""
        for process in (self.site, self.worker, self.proxy):
            if process:
                process.kill()
        self.simulator.release()
