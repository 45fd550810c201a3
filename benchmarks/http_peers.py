"""The peers of the HTTP measurements, served by the same uvicorn: `python -m benchmarks.http_peers PORT`.

`/empty` does nothing but what FastAPI does: validate a body, answer it. `/grants` is the service that most people
would write first: a sync endpoint and an `eventsourcing` application with an aggregate per customer, as their
documentation shows, on the Postgres of PLUMBLINE_DATABASE_URL.
"""

from __future__ import annotations

import os
import sys
import uuid
from typing import Any
from urllib.parse import urlsplit

import psycopg
import uvicorn
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel

SCHEMA = "bench_plain"


class Fact(BaseModel):
    """The body that the measurements send."""

    source: str
    external_id: str
    fact_type: str
    customer: str
    occurred_at: str
    attributes: dict[str, str | int]


class Account(Aggregate):
    """One customer's points."""

    class Opened(Aggregate.Created):
        """The account begins."""

        customer: str

    @event(Opened)
    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.points = 0

    @staticmethod
    def create_id(customer: str) -> uuid.UUID:
        """The aggregate's id follows from the customer."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"/accounts/{customer}")

    @event("Granted")
    def grant(self, points: int) -> None:
        """Grant points, in 1/100."""
        self.points += points


class Accounts(Application[uuid.UUID]):
    """Loads an account, grants, saves."""

    def grant(self, customer: str, points: int) -> int:
        """Grant points; the balance afterwards."""
        try:
            account: Account = self.repository.get(Account.create_id(customer))
        except AggregateNotFoundError:
            account = Account(customer)
        account.grant(points)
        self.save(account)
        return account.points


def app_create(accounts: Accounts) -> FastAPI:
    """The peers' app."""
    app = FastAPI()

    @app.post("/empty")
    async def _post(fact: Fact) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "accepted", "external_id": fact.external_id}

    @app.get("/empty")
    async def _get() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "accepted"}

    @app.post("/grants")
    def _grants(fact: Fact) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "accepted", "balance": accounts.grant(fact.customer, 100)}

    return app


def accounts_environment(url: str) -> dict[str, str]:
    """What `Accounts` is configured with to keep its events on a Postgres; makes the schema."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    parts = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts.get("dbname", "postgres")),
        "POSTGRES_HOST": str(parts.get("host", urlsplit(url).hostname or "")),
        "POSTGRES_PORT": str(parts.get("port", 5432)),
        "POSTGRES_USER": str(parts.get("user", "")),
        "POSTGRES_PASSWORD": str(parts.get("password", "") or "none"),
        "POSTGRES_SCHEMA": SCHEMA,
    }


def main(port: int) -> None:
    """Serve until stopped."""
    accounts = Accounts(env=accounts_environment(os.environ["PLUMBLINE_DATABASE_URL"]))
    uvicorn.run(app_create(accounts), host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
