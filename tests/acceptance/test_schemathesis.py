"""Requests made up from the OpenAPI document, as every role: no 5xx, no answer that the document doesn't know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.access.keys import AccessStore
from api.access.roles import Role
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import ChangeStaff, ReassignCustomer
from tests.integration.api.declared import closed
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api
from tests.relations_firm import accepted, firm_found


@schemathesis.serializer("application/x-ndjson")
def lines_serialize(ctx: Any, value: Any) -> bytes:
    """A made-up body of lines."""
    return str(value).encode("utf-8", "replace")


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 2
EXAMPLES_SOAK = int(os.environ.get("PLUMBLINE_SOAK_EXAMPLES", "60"))


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers, access = LedgersHere(database_url, folder), AccessStore(database_url)
    main = ledgers.make("main")
    main.books.register("a", "b", region="east")
    firm_found(main.books)
    # The key of staff is of somebody who sees everything.
    accepted(main.books.do(ChangeStaff("S-000001", {"role": "executive"})))
    accepted(main.books.do(ReassignCustomer("C-000001", "S-000001", "试试")))
    with main.followed(), Api(app_create(ledgers, access, ApiSettings()), access) as api:
        yield api
    ledgers.close()
    access.close()


def play(served: Api, examples: int, *, turns: int = 1) -> int:
    """Send made-up requests to every operation but the close of a ledger for good, each as every role, or with more
    `turns` as every second, third … in turn; how many were sent."""
    roles = list(Role)
    schema = schemathesis.openapi.from_dict(closed(served.app.openapi()))
    sent = 0
    for found in schema.get_all_operations():
        operation = cast(Any, found).ok()

        def run(case: Any) -> None:
            nonlocal sent
            # Mostly what is there; sometimes what was made up.
            if "ledger" in case.path_parameters and sent % 4:
                case.path_parameters["ledger"] = "main"
            if "customer" in case.path_parameters and sent % 3:
                case.path_parameters["customer"] = "C-000001"
            if "staff" in case.path_parameters and sent % 3:
                case.path_parameters["staff"] = "S-000002"
            if case.operation.path.endswith("{ledger}/close"):
                case.query = {**(case.query or {}), "dry_run": "true"}
            sent += 1
            for role in roles[sent % turns :: turns]:
                answer = served.send(**_request(case, served.keys[role]))
                case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)

        bounded = settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=cast(Any, list(HealthCheck)),
        )  # fmt: skip
        bounded(given(case=operation.as_strategy())(run))()
    return sent * len(roles) // turns


def _request(case: Any, secret: str) -> dict[str, Any]:
    """What `Api.send` takes."""
    arguments = case.as_transport_kwargs(base_url="http://test", headers={"Authorization": f"Bearer {secret}"})
    arguments.pop("cookies", None)
    body = arguments.pop("data", None)
    if body is not None and not isinstance(body, dict):
        arguments["content"] = body
    path = arguments.pop("url").removeprefix("http://test")
    return {**arguments, "path": path, "key": None, "headers": dict(arguments["headers"])}


def test_no_made_up_request_breaks_the_service(served: Api) -> None:
    # Two of each operation, so each is asked for by every role.
    assert play(served, EXAMPLES, turns=2) > 1_000


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_no_made_up_request_breaks_the_service_for_long(served: Api) -> None:
    assert play(served, EXAMPLES_SOAK) > 6_000
