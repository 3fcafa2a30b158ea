"""What a forked process of the project finds imported: every module, with the tables' models made ready."""

import gc
import pkgutil

from sqlalchemy.orm import configure_mappers

import umstripe

for module in pkgutil.walk_packages(umstripe.__path__, "umstripe."):
    if not module.name.endswith((".wsgi", ".__main__")):
        __import__(module.name)
configure_mappers()
gc.freeze()
