"""What a forked process of the project finds imported: every module, with the tables' models made ready."""

import gc
import pkgutil

from sqlalchemy.orm import configure_mappers

import umstripe

for module in pkgutil.walk_packages(umstripe.__path__, "umstripe."):
    if (
        module.name != "umstripe.wsgi"
        and not module.name.endswith("__main__")
        and ".versions." not in module.name
    ):
        __import__(module.name)
configure_mappers()
gc.freeze()
