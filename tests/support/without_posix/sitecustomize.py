"""Python starts every process with this if its folder is on the path: bnreg's own modules take it for Windows.

What Windows lacks is gone. Modules that Python itself and other packages need are left to them, and so is the name of
the system: they have their own ways on Windows.
"""

import os
import signal
import sys
from types import ModuleType

LACKING = {
    os: ("fork", "killpg", "setsid", "sched_getaffinity", "sysconf"),  # other packages need the rest here
    signal: ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"),
}
MODULES = ("fcntl", "grp", "pwd", "resource", "termios")


def is_asked_by_bnreg(frame):
    """Whether a frame, below those of the import system, is of a module of bnreg."""
    while frame and frame.f_globals.get("__name__", "").startswith(("importlib.", "_frozen_importlib")):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "bnreg"


class System(ModuleType):
    """The module ``sys``; the import system makes new modules of its class, which are to be plain ones."""

    def __new__(cls, *arguments):
        return ModuleType(*arguments)

    @property
    def platform(self):
        return "win32" if is_asked_by_bnreg(sys._getframe(1)) else vars(self)["platform"]


class Refusing:
    """The first that is asked for a module."""

    @staticmethod
    def find_spec(name, *_):
        if name in MODULES and is_asked_by_bnreg(sys._getframe(1)):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


for module, names in LACKING.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES:
    sys.modules.pop(name, None)  # so that it is looked for again
sys.__class__ = System
sys.meta_path.insert(0, Refusing())
