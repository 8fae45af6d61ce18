"""all.py [NAME]: the cases, in the booted systemd; see run."""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]

import booted
from cases import main

booted.install()
booted.make_the_application()

# In the order in which they run.
import units  # noqa: F401
import life  # noqa: F401
import sockets  # noqa: F401
import reload  # noqa: F401
import confinement  # noqa: F401
import sources  # noqa: F401
import rotation  # noqa: F401
import worker  # noqa: F401
import readme  # noqa: F401
import secrecy  # noqa: F401

main("systemd")
