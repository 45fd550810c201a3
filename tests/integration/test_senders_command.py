"""Senders of webhooks at the command line, on a ledger of its own."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from ledger.domain.errors import DocumentInvalid, Refused
from service.bootstrap import ledger_open
from service.commands import webhooks
from service.settings import Settings
from webhooks.senders import secrets_living


@pytest.fixture
def app(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("PLUMBLINE_HOME", str(settings.home))
    monkeypatch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    made = typer.Typer()
    webhooks.register(made)
    return made


def test_a_sender_is_made_turned_shown_mapped_anew_and_revoked(app: typer.Typer, settings: Settings) -> None:
    ledger = f"s{secrets.token_hex(4)}"
    with ledger_open(settings, ledger, "alice", create=True):
        pass

    def asked(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["webhooks", "senders", *arguments, "--ledger", ledger])

    def run(*arguments: str) -> Any:
        result = asked(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def living(later: timedelta = timedelta(0)) -> tuple[str, ...]:
        with ledger_open(settings, ledger, "alice") as handle, handle.recorder.datastore.get_connection() as connection:
            found = secrets_living(connection, "erp", datetime.now(UTC) + later)
        return () if found is None else found.secrets

    made = run("create", "erp", "facts", "--actor", "alice", "--json")
    assert (made["mapping"], made["created_by"], made["path"]) == ("facts", "alice", f"/v1/ledgers/{ledger}/webhooks/in/erp")
    assert living() == (made["secret"],)
    turned = run("rotate", "erp", "--overlap-hours", "2", "--json")
    assert living() == (turned["secret"], made["secret"])
    assert living(timedelta(hours=3)) == (turned["secret"],)
    secret = run("rotate", "erp", "--overlap-hours", "0", "--language", "zh").split()[-1]
    assert living() == (secret,)
    assert "payments" in run("mapping", "erp", "payments", "--language", "zh")
    # What makes no facts is no mapping of a webhook.
    assert isinstance(asked("mapping", "erp", "customers").exception, DocumentInvalid)
    assert isinstance(asked("create", "erp", "facts").exception, Refused)
    shown = run("show", "erp", "--json")
    assert (shown["document"]["id"], len(shown["keys"]), "secret" in shown) == ("payments", 3, False)
    assert "erp" in run("list", "--language", "zh")
    assert run("revoke", "erp", "--json")["revoked_at"] is not None
    assert living() == () and [s["name"] for s in run("list", "--json")] == ["erp"]
