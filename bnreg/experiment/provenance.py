"""What else reproduces a run: the commit of its config, and the versions of all packages."""

import os
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import bnreg

GIT_SECONDS = 5.0
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MARKS = re.compile(r"[-_.]+")
# Other variables, which git sets for its hooks, would lead it to another repository.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def commit_of(config: Path) -> tuple[str, bool | None] | None:
    """The commit that is checked out in the repository of a file, and whether something differs from it there.

    Files that git does not track do not count, but for the config itself. Nothing is run or written there, and a
    repository that git does not trust counts as none.

    Args:
        config: The file.

    Returns:
        The commit, and None if it took too long to look for changes. None if the file is in no repository, git is not
        installed, or the file came with bnreg and the repository only happens to surround it.
    """
    try:
        file = config.resolve(strict=True)
    except OSError:
        return None
    commit = (_git(file.parent, "rev-parse", "--verify", "HEAD") or "").strip()
    if not _COMMIT.fullmatch(commit):
        return None
    is_tracked = _git(file.parent, "ls-files", "--error-unmatch", "--", file.name) is not None
    if not is_tracked and file.is_relative_to(Path(bnreg.__file__).resolve().parent):
        return None
    changes = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return commit, True if not is_tracked else None if changes is None else bool(changes.strip())


def _git(folder: Path, *words: str) -> str | None:
    """What git prints, asked in a folder; None if it refuses, takes too long or is not installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    # A monitor of the file system is a program that the repository names; optional locks would write its index.
    options = ("--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-C", str(folder))
    try:
        answer = subprocess.run(
            ["git", *options, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


@cache
def installed_packages() -> dict[str, str]:
    """Package → version of what bnreg and its extras need, and what that needs in turn, as far as it is installed."""
    found: dict[str, str] = {}
    pending = ["bnreg"]
    while pending:
        name = _MARKS.sub("-", pending.pop()).lower()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of an extra, or for another system
            continue
        found[name] = str(package.version)
        needed = package.requires or ()
        pending += [_PROJECT.match(one)[0] for one in needed if name == "bnreg" or "extra ==" not in one]  # type: ignore[index] # each starts with a name
    found.pop("bnreg", None)
    return dict(sorted(found.items()))
