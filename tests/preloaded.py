"""What a forked process of the project finds imported: every module, with the tables' models made ready."""

import gc
import pkgutil

from sqlalchemy.orm import configure_mappers

import stripe_simulator
import umstripe

for package in (umstripe, stripe_simulator):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith((".wsgi", ".__main__")):
            __import__(module.name)
configure_mappers()
gc.freeze()
