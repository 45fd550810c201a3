"""Settings are read from the environment once, and a wrong one is refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError


def test_without_any_variable_the_home_is_in_the_working_folder_and_the_servers_are_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}) == Settings(home=tmp_path / ".plumbline")
    assert Settings.from_environment({"PLUMBLINE_HOME": " ", "PLUMBLINE_NATS_URL": ""}) == Settings(
        home=tmp_path / ".plumbline"
    )


def test_a_relative_home_and_a_tilde_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings.from_environment({"PLUMBLINE_HOME": "books"}).home == tmp_path / "books"
    assert Settings.from_environment({"PLUMBLINE_HOME": "~/books"}).home == Path("/somewhere/books")
    with pytest.raises(SettingsError, match="absolute"):
        Settings(home=Path("books"))


def test_urls_of_real_servers_are_taken_as_they_are(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "PLUMBLINE_HOME": str(tmp_path),
            "PLUMBLINE_DATABASE_URL": "postgres://user:secret@one:5432,two:5432/name",
            "PLUMBLINE_NATS_URL": "tls://one:4222,tls://two:4222",
        }
    )
    assert settings.database_url == "postgres://user:secret@one:5432,two:5432/name"
    assert settings.nats_url == "tls://one:4222,tls://two:4222"


@pytest.mark.parametrize(
    "variable",
    ["PLUMBLINE_DATABASE_URL", "PLUMBLINE_NATS_URL", "PLUMBLINE_NATS_RELAY_URL", "PLUMBLINE_NATS_OPERATIONS_URL"],
)
def test_a_url_of_another_kind_is_refused_without_repeating_its_password(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        Settings.from_environment({variable: "mysql://user:secret@host/name"})
    assert "secret" not in str(caught.value)


def test_the_columns_of_a_ledger_lie_under_home_and_no_name_leads_out_of_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.columns_folder("main") == tmp_path / "columns" / "main"
    for name in ("", "..", "a/b", "Main", "1st", "a" * 64, "main\n"):
        with pytest.raises(SettingsError, match="cannot name a ledger"):
            settings.columns_folder(name)
