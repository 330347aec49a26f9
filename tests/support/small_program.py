"""A small program in the cache of the compiled engine: prints whether it was loaded, and what it computed.

With ``kill`` the process is killed while it compiles; with ``full`` no file may have more than a kilobyte; with
``read-only`` no folder may be written.
"""

import os
import signal
import sys

from bnreg.training.compiled import cache

if "full" in sys.argv:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
if "read-only" in sys.argv:
    cache.os.access = lambda *_: False

with cache.opened():

    @cache.program
    def add(a, b):
        return a + b

    answer = add(1, 2)
    if "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
print("loaded" if add.was_loaded else "compiled", answer)
