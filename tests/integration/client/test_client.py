"""The client against the real app on a real socket, with connections that are cut at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import uvicorn
from plumbline_client import (
    Admin,
    ApiError,
    AsyncPlumbline,
    ConnectionLost,
    Ledger,
    Plumbline,
    Retries,
    fact,
    points_text,
)
from plumbline_client.results import Reference

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.test_jobs import halved

MAIN = Ledger("main")
README = Path(__file__).parents[3] / "client" / "README.md"


class CuttingProxy:
    """Passes bytes on to a port. Of the next `cuts` answers it lets through nothing and closes the connection."""

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self.cut = 0
        self._port = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._socket.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass, args=(here, there, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(there, here, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(65_536):
                if answers and self.cut < self.cuts:
                    self.cut += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path_factory.mktemp("columns"))
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    with here.followed():
        yield here
    ledgers.close()


@pytest.fixture(scope="module")
def port(ledger: LedgerHere, database_url: str) -> Iterator[int]:
    access = AccessStore(database_url)
    app = app_create(ledger.ledgers, access, ApiSettings())  # type: ignore[attr-defined]
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    access.close()


@pytest.fixture(scope="module")
def secret(database_url: str) -> str:
    access = AccessStore(database_url)
    _, secret = access.key_create("tester", "admin")
    access.close()
    return secret


@pytest.fixture
def plumbline(port: int, secret: str) -> Iterator[Plumbline]:
    with Plumbline(f"http://127.0.0.1:{port}", secret) as client:
        yield client


@pytest.fixture(scope="module")
def customer(port: int, secret: str) -> str:
    with Plumbline(f"http://127.0.0.1:{port}", secret) as client:
        return client.send(MAIN.register("crm", "first", "重庆长江建设", traits={"region": "southwest"})).customer


def test_a_write_is_seen_by_the_next_read(plumbline: Plumbline, customer: str) -> None:
    before = plumbline.send(MAIN.balance(customer)).balance
    answer = plumbline.send(
        MAIN.record("contract_signed", customer, "2026-01-15", source="crm", external_id="HT-1", amount=1_000_000)
    )
    assert plumbline.positions["main"] == answer.position
    # 100 full units of 10,000 CNY, 2 points each.
    assert answer.points == 20_000
    assert plumbline.send(MAIN.balance(customer)).balance == before + 20_000
    assert plumbline.send(MAIN.totals(customer)).granted >= 20_000
    assert plumbline.send(MAIN.tier(customer)).tier is not None
    assert plumbline.send(MAIN.customer(customer)).references == [Reference("crm", "first")]
    assert [c.customer for c in plumbline.send(MAIN.customers(search="cqcj")).data] == [customer]


def test_the_same_call_twice_takes_effect_once(plumbline: Plumbline, customer: str) -> None:
    call = MAIN.record("contract_signed", customer, "2026-01-16", source="crm", external_id="HT-2", amount=10_000)
    first, second = plumbline.send(call), plumbline.send(call)
    assert (first.hit, second.hit) == (False, True)
    assert (second.position, second.points) == (first.position, first.points)


def test_a_dry_run_records_nothing(plumbline: Plumbline, customer: str) -> None:
    head = plumbline.send(MAIN.status()).position
    call = MAIN.record("contract_signed", customer, "2026-01-17", source="crm", external_id="HT-3", amount=20_000)
    rehearsal = plumbline.rehearse(call)
    assert rehearsal.answer.points == 400
    assert rehearsal.events[0].event == "FactRecorded"
    assert plumbline.send(MAIN.status()).position == head


def test_a_refusal_names_code_and_field(plumbline: Plumbline) -> None:
    with pytest.raises(ApiError) as refused:
        plumbline.send(MAIN.record("login", "C-009999", "2026-01-15", source="crm", external_id="x"))
    assert (refused.value.status, refused.value.code, refused.value.field) == (404, "CUSTOMER_UNKNOWN", "customer")
    assert refused.value.request_id
    assert (refused.value.title, refused.value.advice) == (
        "There is no such customer", "Check the id; register a new customer first.",
    )  # fmt: skip


def test_a_refusal_is_told_in_the_client_s_language_blocking_and_awaited(port: int, secret: str) -> None:
    call = MAIN.record("login", "C-009999", "2026-01-15", source="crm", external_id="x")
    with Plumbline(f"http://127.0.0.1:{port}", secret, language="zh") as client, pytest.raises(ApiError) as refused:
        client.send(call)

    async def awaited() -> None:
        async with AsyncPlumbline(f"http://127.0.0.1:{port}", secret, language="zh") as client:
            await client.send(call)

    with pytest.raises(ApiError) as refused_later:
        asyncio.run(awaited())
    for error in (refused.value, refused_later.value):
        assert (error.title, error.advice) == ("没有这个客户", "核对客户编号；新客户请先登记。")


def test_a_fact_whose_answer_was_cut_off_is_there_once(port: int, secret: str, customer: str, ledger: LedgerHere) -> None:
    proxy = CuttingProxy(port)
    try:
        with Plumbline(f"http://127.0.0.1:{proxy.port}", secret, retries=Retries(wait_seconds_first=0.01)) as client:
            proxy.cuts = 3
            head = ledger.books.position
            answer = client.send(
                MAIN.record("contract_signed", customer, "2026-01-18", source="crm", external_id="cut", amount=10_000)
            )
            assert proxy.cut == 3 and answer.hit
            facts = [s for _, _, n, s in ledger.books.log(head) if n == "FactRecorded"]
            assert [s["external_id"] for s in facts] == ["cut"]
    finally:
        proxy.close()


def test_what_could_take_effect_twice_is_not_sent_again(port: int, secret: str) -> None:
    proxy = CuttingProxy(port)
    try:
        with Plumbline(f"http://127.0.0.1:{proxy.port}", secret) as client:
            proxy.cuts = 1
            with pytest.raises(ConnectionLost):
                client.send(Admin.key_create("erp", "service"))
            assert proxy.cut == 1
    finally:
        proxy.close()


def test_a_service_that_is_not_there_is_given_up_in_time(secret: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    retries = Retries(attempts_max=3, wait_seconds_first=0.01)
    with Plumbline(f"http://127.0.0.1:{port}", secret, retries=retries) as client, pytest.raises(ConnectionLost):
        client.send(MAIN.status())


def test_many_facts_give_a_result_each_in_order_also_over_a_bad_line(
    port: int, secret: str, customer: str, ledger: LedgerHere
) -> None:
    def facts() -> Iterator[dict[str, object]]:
        for n in range(2_500):
            who = "C-009999" if n == 1_234 else customer
            yield fact("login", who, "2026-02-01", source="app", external_id=f"bulk-{n}")

    proxy = CuttingProxy(port)
    try:
        with Plumbline(f"http://127.0.0.1:{proxy.port}", secret, retries=Retries(wait_seconds_first=0.01)) as client:
            proxy.cuts = 2
            head = ledger.books.position
            results = list(client.record_many(MAIN, facts()))
        assert [r.line for r in results] == list(range(1, 2_501))
        assert [(r.line, r.code) for r in results if r.status == "refused"] == [(1_235, "CUSTOMER_UNKNOWN")]
        recorded = [s for _, _, n, s in ledger.books.log(head) if n == "FactRecorded"]
        assert len(recorded) == len({s["external_id"] for s in recorded}) == 2_499
    finally:
        proxy.close()


def test_lists_go_on_over_their_pages(plumbline: Plumbline, customer: str) -> None:
    positions = [e.position for e in plumbline.each(MAIN.events(limit=97))]
    assert positions == list(range(1, len(positions) + 1))
    entries = list(plumbline.each(MAIN.history(customer, newest_first=True, limit=500)))
    assert [e.position for e in entries] == sorted((e.position for e in entries), reverse=True)


def test_a_replay_is_followed_to_its_end(plumbline: Plumbline, ledger: LedgerHere) -> None:
    deadline = time.monotonic() + 30
    while next(v for v in plumbline.send(MAIN.views()).data if v.view == "columns").behind:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    seen: list[tuple[int, int]] = []
    job = plumbline.send(MAIN.replay(rules=halved()))
    job = plumbline.wait(MAIN, "replay", job, progress=lambda done, of: seen.append((done, of)))
    assert job.state == "done" and job.result is not None
    assert next(iter(plumbline.each(MAIN.replay_customers(job.id)))).change < 0


def test_a_job_is_listed_and_can_be_cancelled(plumbline: Plumbline) -> None:
    job = plumbline.send(MAIN.replay_recorded())
    assert job.id in {j.id for j in plumbline.each(MAIN.jobs("replay", limit=2))}
    stopped = plumbline.send(MAIN.job_cancel("replay", job.id))
    assert stopped.id == job.id
    assert plumbline.wait(MAIN, "replay", stopped).state in ("cancelled", "done")
    assert plumbline.send(MAIN.jobs("import")).data == []


def test_a_fact_is_corrected_and_its_event_read(plumbline: Plumbline, customer: str) -> None:
    document = {"source": "crm", "external_id": "wrong/1", "amount": 20_000}
    first = plumbline.send(MAIN.record("contract_signed", customer, "2026-01-19", **document))
    call = MAIN.correct("crm", "wrong/1", "contract_signed", customer, "2026-01-19", amount=10_000)
    assert plumbline.rehearse(call).answer.status == "corrected"
    # What 20,000 CNY gave is taken back, and 10,000 CNY give half of it.
    assert (first.points, plumbline.send(call).points) == (400, -200)
    assert plumbline.send(MAIN.event(first.position)).position == first.position


@pytest.mark.parametrize(("source", "external_id"), [("erp", "a/s1"), ("erp/a", "s1"), (".", ".."), ("..", "."), ("a%2Fb", "?#%")])
def test_ids_may_hold_whatever_a_path_parts_by(
    plumbline: Plumbline, customer: str, source: str, external_id: str
) -> None:
    signed = MAIN.record(
        "contract_signed", customer, "2026-01-19", source=source, external_id=external_id, amount=20_000
    )
    plumbline.send(signed)
    call = MAIN.correct(source, external_id, "contract_signed", customer, "2026-01-19", amount=10_000)
    assert plumbline.send(call).id == external_id


def test_refused_rows_are_listed_tried_again_and_dismissed(plumbline: Plumbline) -> None:
    lines = ["fact_type,external_id,customer,occurred,customer_name,amount,severity"]
    lines += ["contract_signed,q1,k1,2026-01-05,甲路桥,10000,", "complaint_filed,q2,k1,2026-02-01,,,grave"]
    lines += ["complaint_filed,q3,k1,2026-02-01,,,graver"]
    content = "\n".join(lines).encode()
    assert "facts" in {m.mapping for m in plumbline.each(Admin.mappings())}
    job = plumbline.wait(MAIN, "import", plumbline.send(MAIN.import_file("q.csv", content, "facts")))
    assert job.result is not None and job.result["accepted"] == 1
    rejected = list(plumbline.each(MAIN.import_rejected(job.id)))
    assert [(r.row, r.field) for r in rejected] == [(3, "severity"), (4, "severity")]
    rows = plumbline.send(MAIN.quarantine()).data
    assert [r.raw["severity"] for r in rows] == ["grave", "graver"]
    retried = plumbline.send(MAIN.quarantine_retry([r.id for r in rows], cells={rows[0].id: {"severity": "major"}}))
    assert (retried.retried, retried.accepted, [r.id for r in retried.rejected]) == (2, 1, [rows[1].id])
    assert plumbline.send(MAIN.quarantine_dismiss([rows[1].id], "a test row")).dismissed == [rows[1].id]
    assert plumbline.send(MAIN.quarantine()).data == []
    assert {r.resolution is not None for r in plumbline.send(MAIN.quarantine(state="all")).data} == {True}


def test_explanations_and_reports_are_typed(plumbline: Plumbline, customer: str) -> None:
    signed = MAIN.record("contract_signed", customer, "2026-01-20", source="crm", external_id="why", amount=30_000)
    plumbline.send(signed)
    award = next(e for e in plumbline.each(MAIN.history(customer, newest_first=True)) if e.points == 600)
    explained = plumbline.send(MAIN.award_explanation(customer, award.position))
    assert explained.award.points == 600 and explained.rule is not None and explained.fact is not None
    balance = plumbline.send(MAIN.balance_explanation(customer))
    assert sum(r.points for r in balance.by_rule) == balance.balance == sum(lot.points for lot in balance.lots) - balance.debt
    tier = plumbline.send(MAIN.tier_explanation(customer))
    assert tier.levels[0].points == 0 and tier.earned >= 600
    leader = plumbline.send(MAIN.leaderboard(by="contribution", period="2026")).data[0]
    assert (leader.rank, leader.customer) == (1, customer) and leader.value >= Decimal("30000.00")
    assert plumbline.send(MAIN.segment(inactive_days=1)).data[0].customer == customer
    assert plumbline.send(MAIN.segment_export()).startswith(b"\xef\xbb\xbfcustomer,")
    assert plumbline.send(MAIN.measures(by="year")).data[-1].contracts >= 1
    for call in (MAIN.regions(), MAIN.inflation(), MAIN.standing(), MAIN.alerts()):
        assert isinstance(plumbline.send(call).data, list)


def test_a_campaign_has_a_report_of_its_own(plumbline: Plumbline, port: int, secret: str, customer: str) -> None:
    rules = plumbline.send(MAIN.rule_set("RS-0001")).document
    rules["rules"][0]["effective_from"] = "2026-04-01"
    proposed = plumbline.send(MAIN.rule_set_propose({**rules, "id": "spring"})).id
    assert plumbline.send(MAIN.rule_sets_diff("RS-0001", proposed)).changes
    [campaign] = [c for c in plumbline.each(MAIN.campaigns()) if c.rule_set == proposed]
    report = plumbline.send(MAIN.campaign(proposed, campaign.rule))
    assert (report.effective_from, report.points, report.months) == ("2026-04-01", 0, [])


def test_rules_schemas_and_keys_are_read(plumbline: Plumbline) -> None:
    assert "login" in {f.fact_type for f in plumbline.each(MAIN.fact_types(limit=3))}
    assert plumbline.send(MAIN.fact_type("login")).document["id"] == "login"
    names = [s.name for s in plumbline.each(Admin.schemas())]
    assert plumbline.send(Admin.schema(names[0]))["type"] == "object"
    made = plumbline.send(Admin.key_create("erp", "service", expires_at="2027-01-01T00:00:00+08:00"))
    assert made.secret not in repr(made) and made.expires_at is not None
    assert plumbline.send(Admin.key_revoke(made.id)).revoked_at is not None
    assert made.id in {k.id for k in plumbline.each(Admin.keys(limit=1))}
    assert [entry.ledger for entry in plumbline.each(Admin.ledgers())] == ["main"]
    assert plumbline.send(Admin.ready()).ready


def test_lines_all_or_none(plumbline: Plumbline, customer: str) -> None:
    facts = [fact("login", who, "2026-03-05", source="app", external_id=f"all-{who}") for who in (customer, "C-009999")]
    refused = plumbline.send(MAIN.record_lines(facts, atomic=True))
    assert [r.code for r in refused] == ["ATOMIC_REFUSED", "CUSTOMER_UNKNOWN"]
    assert [r.status for r in plumbline.send(MAIN.record_lines(facts[:1], dry_run=True))] == ["accepted"]
    assert [r.status for r in plumbline.send(MAIN.record_lines(facts[:1], atomic=True))] == ["accepted"]


def test_the_asyncio_client_does_the_same(port: int, secret: str, customer: str) -> None:
    async def run() -> None:
        async with AsyncPlumbline(f"http://127.0.0.1:{port}", secret) as client:
            calls = [
                MAIN.record("contract_signed", customer, "2026-03-01", source="crm", external_id=f"async-{n}", amount=10_000)
                for n in range(20)
            ]
            before = (await client.send(MAIN.balance(customer))).balance
            answers = await asyncio.gather(*(client.send(call) for call in calls))
            assert sum(a.points for a in answers) == 20 * 200
            assert (await client.send(MAIN.balance(customer))).balance == before + 20 * 200
            assert len([e async for e in client.each(MAIN.events(limit=500))]) >= 20
            bulk = [fact("login", customer, "2026-03-02", source="app", external_id=f"a{n}") for n in range(10)]
            assert {r.status async for r in client.record_many(MAIN, bulk)} == {"accepted"}

    asyncio.run(run())


def test_the_readme_of_the_client_runs(port: int, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0].replace("http://127.0.0.1:8700", f"http://127.0.0.1:{port}")
    exec(compile(code, str(README), "exec"), {"key": secret})  # the block is our own
    assert capsys.readouterr().out.strip() == points_text(20_000)
