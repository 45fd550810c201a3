"""Where this installation keeps its data and which servers it talks to, read from the environment once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HOME_VARIABLE = "PLUMBLINE_HOME"
DATABASE_URL_VARIABLE = "PLUMBLINE_DATABASE_URL"
NATS_URL_VARIABLE = "PLUMBLINE_NATS_URL"
NATS_OPERATIONS_URL_VARIABLE = "PLUMBLINE_NATS_OPERATIONS_URL"

HOME_DEFAULT = ".plumbline"

_DATABASE_SCHEMES = ("postgresql", "postgres")
_NATS_SCHEMES = ("nats", "tls", "ws", "wss")
_LEDGER_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class SettingsError(ValueError):
    """A setting that cannot be used; the text names the variable and says what to write instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    `home` is absolute. `database_url` and `nats_url` are None where the embedded server is meant.
    `nats_operations_url` is that of an account that may set up streams; None where `nats_url` may.
    """

    home: Path
    database_url: str | None = None
    nats_url: str | None = None
    nats_operations_url: str | None = None

    def __post_init__(self) -> None:
        if not self.home.is_absolute():
            raise SettingsError(f"home must be an absolute path, not '{self.home}'")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `environment` (default: this process's own). An empty value means unset.

        Raises SettingsError for a URL of another kind than its variable asks for.
        """
        values = os.environ if environment is None else environment
        home = Path(values.get(HOME_VARIABLE, "").strip() or HOME_DEFAULT).expanduser().absolute()
        return cls(
            home=home,
            database_url=_url(values, DATABASE_URL_VARIABLE, _DATABASE_SCHEMES),
            nats_url=_url(values, NATS_URL_VARIABLE, _NATS_SCHEMES),
            nats_operations_url=_url(values, NATS_OPERATIONS_URL_VARIABLE, _NATS_SCHEMES),
        )

    def columns_folder(self, ledger: str) -> Path:
        """The folder of the Parquet columns of `ledger`.

        Raises SettingsError for a name that no ledger can have, so that no name leads out of `home`.
        """
        if _LEDGER_NAME.fullmatch(ledger) is None:
            raise SettingsError(
                f"'{ledger}' cannot name a ledger: use lower-case letters, digits and _,"
                " beginning with a letter, at most 63 characters"
            )
        return self.home / "columns" / ledger


def _url(values: Mapping[str, str], variable: str, schemes: tuple[str, ...]) -> str | None:
    url = values.get(variable, "").strip()
    if not url:
        return None
    if urlsplit(url).scheme not in schemes:
        # The message leaves the value out: it may hold a password.
        raise SettingsError(
            f"{variable} must begin with {schemes[0]}://, for example {schemes[0]}://user@host;"
            " unset it to use the embedded server"
        )
    return url
