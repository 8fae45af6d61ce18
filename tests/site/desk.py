"""The demo's settings with a desk: it takes uploads and orders, runs code from C extensions, and tries what
the unit around it forbids. What goes wrong at its start its environment says."""

import os
import time

time.sleep(float(os.environ.get("BOOT_SECONDS", "0")))
if "FAIL" in os.environ:
    raise RuntimeError(os.environ["FAIL"])

from demo.settings import *  # noqa: F403
from demo.settings import DATA_DIR

ROOT_URLCONF = "desk_pages"
MEDIA_ROOT = DATA_DIR / "media"
