"""What the tests need of the machine: a Chromium and nginx. Installs them where that can be done, or says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser's path: UMSTRIPE_CHROMIUM, or one that is on the PATH."""
    return os.environ.get("UMSTRIPE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def nginx() -> str | None:
    """The path of nginx: UMSTRIPE_NGINX, or one that is on the PATH or in /usr/sbin. Its tests are skipped without."""
    paths = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    return os.environ.get("UMSTRIPE_NGINX") or shutil.which("nginx", path=paths)


def main() -> None:
    missing = [name for name, path in (("chromium", chromium()), ("nginx-light", nginx())) if not path]
    if missing and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {' and '.join(missing)} for the tests…", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        for name in missing:
            subprocess.run(["apt-get", "install", "-y", "-q", name], check=False, **quiet)
    if not nginx():
        print(
            "nginx is missing, so the tests behind a proxy are skipped. Install it, or name it in UMSTRIPE_NGINX."
        )
    if not chromium():
        sys.exit("The browser tests need Chromium: install it, or name it in UMSTRIPE_CHROMIUM.")


if __name__ == "__main__":
    main()
