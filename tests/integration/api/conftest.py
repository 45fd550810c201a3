"""An app over a ledger of its own, and a client for each role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api


@pytest.fixture(scope="module")
def access(database_url: str) -> Iterator[AccessStore]:
    store = AccessStore(database_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def ledgers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgersHere]:
    """One ledger `main` with the customers C-000001 and C-000002."""
    folder: Path = tmp_path_factory.mktemp("columns")
    here = LedgersHere(database_url, folder)
    here.make("main").books.register("a", "b", region="east")
    yield here
    here.close()


@pytest.fixture(scope="module")
def app(ledgers: LedgersHere, access: AccessStore) -> FastAPI:
    return app_create(ledgers, access, ApiSettings())


@pytest.fixture(scope="module")
def api(app: FastAPI, access: AccessStore) -> Iterator[Api]:
    """A client with a key of every role."""
    with Api(app, access) as served:
        yield served
