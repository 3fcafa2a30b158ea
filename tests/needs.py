"""What the tests need of the machine: a Chromium. Installs it where that can be done, or says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser's path: UMSTRIPE_CHROMIUM, or one that is on the PATH."""
    return os.environ.get("UMSTRIPE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> None:
    if not chromium() and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing chromium for the browser tests…", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-q", "chromium"], check=False, **quiet)
    if not chromium():
        sys.exit("The browser tests need Chromium: install it, or name it in UMSTRIPE_CHROMIUM.")


if __name__ == "__main__":
    main()
