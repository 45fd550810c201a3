"""Reads of relations over HTTP: everybody in a firm sees what their place lets them see, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import ErasePerson
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_relations_scopes import (
    CHIEF,
    EAST,
    HELPER,
    LAWYER,
    LED,
    LEFT,
    POOL,
    TECH,
    WEST,
    WHOLE,
    A,
    B,
    C,
    cid,
    found,
    who,
)
from tests.ledgers import fact
from tests.relations_firm import accepted

AT = "/v1/ledgers/firm/relations"
OFFICE = ("admin", "operator", "auditor", "service")
EVERYBODY = set(range(1, 8))


class Firm:
    """The firm of the scopes' own test, served, with a key for each of its people."""

    def __init__(self, api: Api, ledger: LedgerHere) -> None:
        self.api = api
        self.ledger = ledger
        self.keys = {
            n: api.access.key_create(f"person {n}", "staff", staff=who(n), ledger="firm")[1] for n in range(1, 14)
        }

    def get(self, path: str, key: int | str, **params: Any) -> Any:
        """The answer to whoever a number or role stands for."""
        return self.api.get(f"{AT}{path}", key=self.keys[key] if isinstance(key, int) else key, params=params)

    def data(self, path: str, key: int | str, **params: Any) -> list[dict[str, Any]]:
        """The rows of a list."""
        answer = self.get(path, key, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def numbers(self, path: str, key: int | str, member: str = "customer", **params: Any) -> set[int]:
        """The numbers that stand in a member of the rows."""
        return {int(row[member][2:]) for row in self.data(path, key, **params)}


@pytest.fixture(scope="module")
def firm(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers, access = LedgersHere(database_url, folder), AccessStore(database_url)
    ledger = ledgers.make("firm")
    found(ledger.books)
    # The first contact, at customer A, is numbered after the thirteen of the staff.
    accepted(ledger.books.do(ErasePerson("P-000014", "本人要求")))
    ledger.follow()
    with Api(app_create(ledgers, access, ApiSettings()), access) as api:
        yield Firm(api, ledger)
    ledgers.close()
    access.close()


@pytest.mark.parametrize("person", WHOLE)
def test_everybody_sees_over_http_what_is_theirs(firm: Firm, person: int) -> None:
    whole, head = WHOLE[person], firm.ledger.books.recorder.position_head()
    lists: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/customers", {}), ("/customers", {"search": "客户"}), ("/projects", {}), ("/opportunities", {}),
        ("/owners", {}), ("/owners", {"as_of": "2026-11-01"}), ("/owners", {"position": head}), ("/follow_ups", {}),
    )  # fmt: skip
    for path, params in lists:
        assert firm.numbers(path, person, **params) == whole, path
    assert firm.numbers("/pool", person) == POOL[person]
    assert firm.numbers("/workload", person, "staff") == LED[person]
    assert firm.numbers("/staff", person, "staff") == set(range(1, 14))
    assert firm.numbers(f"/staff/{who(EAST)}/portfolio", person) == whole & {A}
    assert firm.numbers(f"/staff/{who(WEST)}/next_steps", person) == whole & {B}
    assert firm.data("/funnel", person)[0]["reached"] == len(whole)
    assert len(firm.data("/teams", person)) == 8
    assert firm.numbers("/absences", person, "staff") == LED[person] & {EAST, WEST}
    assert firm.get("/performance", person).status_code == firm.get("/performance/teams", person).status_code == 200
    assert firm.get("/sources", person).status_code == firm.get("/workload/teams", person).status_code == 200


@pytest.mark.parametrize("person", WHOLE)
def test_another_s_customer_and_a_missing_one_are_told_alike(firm: Firm, person: int) -> None:
    for path in ("", "/owner", "/owners", "/why", "/timeline", "/leads"):
        missing = firm.get(f"/customers/C-000099{path}", person)
        assert (missing.status_code, missing.json()["code"]) == (404, "CUSTOMER_UNKNOWN")
        for number in EVERYBODY:
            answer = firm.get(f"/customers/{cid(number)}{path}", person)
            if number in WHOLE[person]:
                assert answer.status_code == 200, (path, number)
            elif path or answer.status_code != 200:
                told = {**answer.json(), "request_id": ""}
                assert told == {**missing.json(), "request_id": ""}, (path, number)
    for path, member, there in (("projects", "J", WHOLE), ("opportunities", "O", WHOLE)):
        missing = firm.get(f"/{path}/{member}-000099", person)
        assert missing.status_code == 404
        for number in EVERYBODY:
            answer = firm.get(f"/{path}/{member}-{number:06d}", person)
            if number in there[person]:
                assert answer.status_code == 200
            else:
                assert {**answer.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


def test_the_office_sees_everything(firm: Firm) -> None:
    for role in OFFICE:
        assert firm.numbers("/customers", role) == EVERYBODY
        assert firm.numbers("/pool", role) == POOL[CHIEF]
    assert firm.get("/customers", "customer").status_code == 403


def test_who_has_left_sees_nothing_and_is_told_why(firm: Firm) -> None:
    for path in ("/customers", "/staff", "/teams", f"/customers/{cid(A)}", "/funnel", "/tasks"):
        answer = firm.get(path, LEFT)
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), path
        assert "does not belong to the firm today" in answer.json()["detail"]


def test_a_key_of_staff_reads_nothing_beside_relations(firm: Firm) -> None:
    key = firm.keys[CHIEF]
    for path in ("customers", f"customers/{cid(A)}", "events", f"customers/{cid(A)}/balance"):
        assert firm.api.get(f"/v1/ledgers/firm/{path}", key=key).status_code == 403, path


def test_a_profile_opens_what_is_sealed_and_says_who_was_erased(firm: Firm) -> None:
    profile = firm.get(f"/customers/{cid(B)}", WEST).json()
    assert [(p["name"], p["erased"]) for p in profile["contacts"]] == [("王经理", False)]
    assert [k["text"] for k in profile["knowledge"]] == ["早上打"]
    assert [p["project"] for p in profile["projects"]] == ["J-000002"] and profile["needs"] == "急"
    erased = [p for n in (A, B, C) for p in firm.get(f"/customers/{cid(n)}", "admin").json()["contacts"] if p["erased"]]
    assert [(p["person"], p["name"], p["phone"]) for p in erased] == [("P-000014", None, None)]


def test_sealed_text_that_no_key_opens_is_a_fault_of_the_server_and_declared_as_one(firm: Firm) -> None:
    def change(statement: LiteralString) -> None:
        with firm.ledger.recorder.datastore.transaction(commit=True) as cursor:
            cursor.execute(statement)

    document = firm.api.get("/openapi.json").json()
    change("UPDATE staff SET sealed = 'v0:' || sealed")
    try:
        for path, shape in [("/staff", "/staff"), (f"/customers/{cid(A)}/why", "/customers/{customer}/why")]:
            answer = firm.get(path, "admin")
            assert (answer.status_code, answer.json()["code"]) == (500, "SEAL_BROKEN")
            declared = document["paths"]["/v1/ledgers/{ledger}/relations" + shape]["get"]["responses"]["500"]
            assert "SEAL_BROKEN" in declared["content"]["application/problem+json"]["examples"]
    finally:
        change("UPDATE staff SET sealed = substr(sealed, 4)")
    assert firm.get("/staff", "admin").status_code == 200


def test_who_has_a_task_sees_the_profile_and_no_people(firm: Firm) -> None:
    profile = firm.get(f"/customers/{cid(A)}", TECH).json()
    assert (profile["name"], profile["needs"]) == ("客户1", "急")
    assert profile["contacts"] == profile["knowledge"] == profile["projects"] == []
    assert profile["standing"] is None


def test_who_has_whom_is_not_told_of_a_time_that_lies_ahead(firm: Firm) -> None:
    ahead = firm.ledger.books.recorder.position_head() + 1
    asked = ({"position": ahead}, {"as_of": "2999-01-01"})
    assert [firm.get("/owners", CHIEF, **params).json()["code"] for params in asked] == ["POSITION_AHEAD", "DATE_INVALID"]


def test_who_sees_a_customer_sees_where_it_stands(firm: Firm) -> None:
    """50 points for B; 30 for A, which stands for M, with 20 from before that."""
    books = firm.ledger.books
    for customer, points in ((B, "50"), (A, "30")):
        kind, day = "manual_adjustment", "2026-11-02"
        accepted(books.do(fact(f"adjust {customer}", kind, day, cid(customer), points=points, reason="签约")))
    firm.ledger.follow()
    standing = firm.get(f"/customers/{cid(B)}", WEST).json()["standing"]
    assert (standing["balance"], standing["available"], standing["debt"]) == ("50.00", "50.00", "0.00")
    assert (standing["tier"], standing["tier_title"]["en"], standing["grade"], standing["tags"]) == (
        "bronze", "Bronze", None, []
    )  # fmt: skip
    assert standing["balance_together"] is None
    together = firm.get(f"/customers/{cid(A)}", HELPER).json()["standing"]
    assert (together["balance"], together["balance_together"]) == ("30.00", "50.00")
    assert firm.numbers("/tasks", TECH, "task") == {1} and firm.get("/tasks/T-000001", TECH).status_code == 200
    assert firm.get("/tasks/T-000002", TECH).json()["code"] == "TASK_UNKNOWN"
    assert firm.get("/tasks/T-000002", LAWYER).json()["state"] == "accepted"


def test_a_collision_shows_the_asker_the_team_and_nothing_else(firm: Firm) -> None:
    [row] = [c for c in firm.data("/collisions", WEST) if c["asker"] == who(WEST)]
    assert (row["holder_team"], row["holder"], row["matched"], row["matched_name"]) == ("one", None, None, "")
    assert row["is_masked"] and row["matches"] == []
    whole = firm.get(f"/collisions/{row['collision']}", CHIEF).json()
    assert (whole["holder"], whole["matched"], whole["is_masked"]) == (who(EAST), cid(A), False)
    assert firm.get(f"/collisions/{row['collision']}", TECH).json()["code"] == "COLLISION_UNKNOWN"


def test_owners_are_those_of_the_time_asked_about(firm: Firm) -> None:
    spans = firm.data(f"/customers/{cid(C)}/owners", "admin")
    assert [s["owner"] for s in spans][-2:] == [who(EAST), None] and spans[-1]["until_position"] is None
    since = spans[-2]["since_position"]
    [then] = [o for o in firm.data("/owners", "admin", position=since) if o["customer"] == cid(C)]
    assert then["owner"] == who(EAST)
    assert firm.get(f"/customers/{cid(C)}/owner", "admin").json()["owner"] is None
    assert firm.get("/owners", "admin", position=1, as_of="2026-11-01").status_code == 422


def test_an_assignment_is_explained_in_both_languages(firm: Firm) -> None:
    for language, words in (("zh", "改派给{}（操作人：{}），理由：分配"), ("en", "{} was named to have it (by {}): 分配")):
        rows = firm.data(f"/customers/{cid(A)}/why", EAST, language=language)
        [named] = [row for row in rows if row["why"] == "reassignment"]
        assert named["text"] == words.format(f"{who(EAST)} 员工{EAST}", named["asked_by"])
        assert (named["reason"], named["tried"], bool(named["asked_by"])) == ("分配", [], True)
    [released] = [r for r in firm.data(f"/customers/{cid(C)}/why", "admin", language="en") if r["why"] == "released"]
    assert released["text"].endswith(f"the customer goes to the pool (by {released['asked_by']}): 不要了")


def test_lists_are_bounded_and_go_on_where_they_ended(firm: Firm) -> None:
    [collision] = {row["collision"] for row in firm.data("/collisions", "admin", limit=1)}
    for path, member in (
        ("/absences", "staff"), ("/knowledge", "region"), (f"/collisions/{collision}/evidence", "position"),
        ("/customers", "customer"), ("/owners", "customer"), ("/pool", "customer"), ("/opportunities", "opportunity"),
        ("/follow_ups", "position"), ("/tasks", "task"), ("/reminders", "position"), ("/returning", "customer"),
        ("/staff", "staff"), ("/workload", "staff"), ("/performance", "staff"), ("/projects", "project"),
        ("/collisions", "collision"), (f"/customers/{cid(A)}/timeline", "position"),
        (f"/customers/{cid(A)}/owners", "since_position"), (f"/customers/{cid(A)}/leads", "position"),
        (f"/customers/{cid(A)}/why", "position"), (f"/staff/{who(EAST)}/portfolio", "customer"),
    ):  # fmt: skip
        more = {"through": "2027-01-01"} if path == "/returning" else {}
        whole = [row[member] for row in firm.data(path, "admin", **more)]
        assert whole, path
        paged: list[Any] = []
        page = firm.get(path, "admin", limit=1, **more).json()
        while True:
            paged += [row[member] for row in page["data"]]
            if page["next"] is None:
                break
            page = firm.get(path, "admin", cursor=page["next"]).json()
        assert paged == whole and page["previous"] is None, path
        assert firm.get(path, "admin", limit=100_000).status_code == 422


IN_PATHS = {"customer": cid(A), "staff": who(EAST), "project": "J-000001", "opportunity": "O-000001", "task": "T-000001"}
MORE = {"returning": {"through": "2027-01-01"}, "next_steps": {}, "reminders": {"only_open": "false"}}


def test_every_read_of_relations_answers_rows_with_the_members_it_declares_and_no_others(firm: Firm) -> None:
    document = firm.api.app.openapi()
    schemas = document["components"]["schemas"]
    [collision] = {row["collision"] for row in firm.data("/collisions", "admin", limit=1)}
    seen: set[str] = set()
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        if "relations" not in operation.get("tags", ()):
            continue
        name = operation["operationId"]
        place = path.removeprefix("/v1/ledgers/{ledger}/relations").format(**IN_PATHS, collision=collision)
        answer = firm.get(place, "admin", **MORE.get(path.rpartition("/")[2], {}))
        assert answer.status_code == 200, (name, answer.text)
        schema = schemas[answer_of(operation)["$ref"].rpartition("/")[2]]
        rows = [answer.json()]
        if "data" in schema["properties"]:
            rows = answer.json()["data"]
            schema = schemas[schema["properties"]["data"]["items"]["$ref"].rpartition("/")[2]]
        assert rows, name
        for row in rows:
            assert row.keys() == schema["properties"].keys() == set(schema["required"]), name
        seen.add(name)
    assert len(seen) == 33, sorted(seen)


def answer_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of an operation's answer."""
    return operation["responses"]["200"]["content"]["application/json"]["schema"]
