"""The client's calls of relations against the real app: who serves whom, typed, seen at once, and safe to send again."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from plumbline_client import ApiError, AsyncPlumbline, Ledger, Plumbline
from plumbline_client.results import LeadRehearsal, Match, Party

from tests.integration.api.ports import LedgerHere
from tests.integration.api.test_replays_owners import TO_TWO
from tests.integration.client.test_client import CuttingProxy, ledger, plumbline, port, secret
from tests.relations_firm import firm_found

__all__ = ["ledger", "plumbline", "port", "secret"]

MAIN = Ledger("main")


@pytest.fixture(scope="module", autouse=True)
def firm(ledger: LedgerHere) -> list[str]:
    """S-000001 and S-000003 of team one (the east), S-000002 and S-000004 of team two (the west)."""
    return firm_found(ledger.books)


def arrived(client: Plumbline, name: str, **more: Any) -> str:
    """A customer that came as a lead."""
    return client.send(MAIN.lead_report("web", name, f"{name} 建设集团", **more)).customer


def test_a_lead_is_assigned_by_the_rules_and_every_answer_about_it_is_typed(plumbline: Plumbline) -> None:
    customer = arrived(plumbline, "甲", traits={"region": "east"}, amount=Decimal("1200000.00"), channel="fair")
    holding = plumbline.send(MAIN.owner(customer))
    assert (holding.owner, holding.rule, holding.team, holding.collaborators) == ("S-000001", "east", "one", [])
    [why] = plumbline.each(MAIN.why(customer, language="en"))
    assert why.candidates[0].verdict == "chosen" and {c.staff for c in why.candidates} >= {"S-000001", "S-000003"}
    [arrival] = plumbline.each(MAIN.leads(customer))
    assert (arrival.lead, arrival.amount, arrival.is_new) == ("甲", Decimal("1200000.00"), True)
    assert [span.owner for span in plumbline.each(MAIN.owner_history(customer))] == ["S-000001"]
    assert customer in {row.customer for row in plumbline.each(MAIN.owners(staff="S-000001", limit=1))}
    assert customer in {row.customer for row in plumbline.each(MAIN.portfolio("S-000001"))}
    events = [event.event for event in plumbline.each(MAIN.timeline(customer, newest_first=False, limit=1))]
    assert events[:3] == ["CustomerRegistered", "LeadArrived", "CustomerAssigned"]
    seen = plumbline.send(MAIN.seen_customers(search="甲")).data[0]
    assert (seen.customer, seen.owner) == (customer, "S-000001")


def test_a_lead_that_is_somebody_s_says_so_before_and_after_it_is_reported(plumbline: Plumbline) -> None:
    arrived(plumbline, "乙", staff="S-000001")
    call = MAIN.lead_report("web", "乙/2", "乙 建设集团", staff="S-000002")
    check = plumbline.send(MAIN.lead_check("web", "乙/2", "乙 建设集团", staff="S-000002"))
    assert (check.taken, check.code) == (True, "COLLISION_FOUND") and "team one" in check.reason
    rehearsal = plumbline.rehearse(call)
    assert isinstance(rehearsal, LeadRehearsal) and rehearsal.answer.code == "COLLISION_FOUND"
    answer = plumbline.send(call)
    assert (answer.code, answer.customer) == ("COLLISION_FOUND", "")
    collision = plumbline.send(MAIN.collision(answer.id))
    assert (collision.holder, collision.asker, collision.is_open) == ("S-000001", "S-000002", False)
    assert all(isinstance(match, Match) for match in collision.matches) and collision.matches
    assert answer.id in {row.collision for row in plumbline.each(MAIN.collisions(limit=1))}


def test_a_claim_whose_answer_was_cut_off_is_made_once(
    plumbline: Plumbline, ledger: LedgerHere, port: int, secret: str
) -> None:
    customer = arrived(plumbline, "丙")
    assert customer in {row.customer for row in plumbline.each(MAIN.pool())}
    proxy = CuttingProxy(port)
    try:
        with Plumbline(f"http://127.0.0.1:{proxy.port}", secret) as cut:
            proxy.cuts = 3
            answer = cut.send(MAIN.customer_claim(customer, staff="S-000002"))
            assert proxy.cut == 3 and answer.hit and answer.customer == customer
    finally:
        proxy.close()
    claims = [stream for _, stream, topic, _ in ledger.books.log() if topic == "CustomerClaimed" and stream == customer]
    assert claims == [customer]
    with pytest.raises(ApiError) as refused:
        plumbline.send(MAIN.customer_claim(customer, staff="S-000001"))
    assert refused.value.code == "CLAIM_TAKEN"
    assert plumbline.send(MAIN.owner(customer)).why == "claim"


def test_the_work_with_a_customer_is_recorded_and_read(plumbline: Plumbline) -> None:
    customer = arrived(plumbline, "丁", traits={"region": "east"})
    staff = plumbline.send(MAIN.owner(customer)).owner
    assert staff is not None
    plumbline.send(MAIN.profile_change(customer, {"needs": "工期紧", "qualifications": ["一级"]}))
    plumbline.send(MAIN.contact_record(customer, "王工", phone="13900000001", decides=True))
    plumbline.send(MAIN.knowledge_record("call", "morning", text="早上打", customer=customer))
    project = plumbline.send(
        MAIN.project_record(customer, "大桥", amount=Decimal("5000000.00"), parties=[("设计院", "市政院")])
    ).id
    plumbline.send(MAIN.milestone_set(project, "roof", "封顶", "2027-03-01"))
    profile = plumbline.send(MAIN.profile(customer))
    assert (profile.needs, profile.contacts[0].name, profile.knowledge[0].text) == ("工期紧", "王工", "早上打")
    assert profile.projects[0].parties == [Party("设计院", "市政院")]
    assert profile.standing is not None and (profile.standing.tier, profile.standing.balance) == ("bronze", 0)
    assert plumbline.send(MAIN.project(project)).milestones[0].reached_on is None
    opened = plumbline.send(MAIN.opportunity_open(customer, "一标段", "lead", staff=staff, amount=3_000_000)).id
    plumbline.send(
        MAIN.follow_up_record(
            customer, "谈了", staff=staff, next_step="送方案", next_due_on="2026-11-20", outcome="progress",
            opportunity=opened, satisfaction=5,
        )
    )  # fmt: skip
    talk = plumbline.send(MAIN.follow_ups(customer=customer)).data[0]
    assert (talk.said, talk.opportunity, talk.satisfaction) == ("谈了", opened, 5)
    assert customer in {step.customer for step in plumbline.send(MAIN.next_steps(staff)).data}
    plumbline.send(MAIN.opportunity_change(opened, {"stage": "won"}, reason="中标"))
    opportunity = plumbline.send(MAIN.opportunity(opened))
    assert opportunity.amount == Decimal("3000000.00") and [s.stage for s in opportunity.stages] == ["lead", "won"]
    assert opportunity.stages[0].until is not None and opportunity.stages[1].until is None
    task = plumbline.send(MAIN.task_hand(customer, "估算", "2026-12-01", staff=staff, to=staff)).id
    plumbline.send(MAIN.task_move(task, "accepted", staff=staff, progress_percent=10))
    assert plumbline.send(MAIN.task(task)).progress_percent == 10
    assert task in {row.task for row in plumbline.each(MAIN.tasks(only_open=True, doer=staff))}
    [performance] = plumbline.send(MAIN.performance(staff=staff)).data
    assert (performance.success_bp, performance.amount_won) == (10_000, Decimal("3000000.00"))
    assert {stage.stage for stage in plumbline.send(MAIN.funnel()).data} >= {"lead", "won"}
    [workload] = plumbline.send(MAIN.workload(staff=staff)).data
    assert workload.owned >= 1 and workload.tasks == 1


def test_a_handover_takes_all_and_its_undoing_gives_it_back(plumbline: Plumbline) -> None:
    customer = arrived(plumbline, "戊", staff="S-000003")
    handed = plumbline.send(MAIN.portfolio_hand_over("S-000003", to="S-000004", kind="leave", reason="休假"))
    assert plumbline.send(MAIN.owner(customer)).owner == "S-000004"
    plumbline.send(MAIN.handover_undo(int(handed.id), "回来了"))
    assert plumbline.send(MAIN.owner(customer)).owner == "S-000003"
    plumbline.send(MAIN.absence_record("S-000003", "2026-11-02", "2026-11-06"))
    assert [row.first_day for row in plumbline.send(MAIN.absences(staff="S-000003")).data] == ["2026-11-02"]


def test_other_assignment_rules_are_tried_and_tell_whom_they_move(plumbline: Plumbline) -> None:
    customer = arrived(plumbline, "己", traits={"region": "east"})
    job = plumbline.wait(MAIN, "replay", plumbline.send(MAIN.replay(assignment_rules=TO_TWO)))
    assert job.result is not None and job.result["kind"] == "assignment"
    [row] = [row for row in plumbline.each(MAIN.replay_owners(job.id, limit=1)) if row.customer == customer]
    assert row.rule_then == "east_to_two" and row.owner_then in ("S-000002", "S-000004")


def test_the_asyncio_client_relates_as_the_other_does(port: int, secret: str) -> None:
    async def run() -> None:
        async with AsyncPlumbline(f"http://127.0.0.1:{port}", secret) as client:
            answers = await asyncio.gather(
                *(client.send(MAIN.lead_report("web", f"异步{n}", f"{'子丑寅卯'[n] * 4} 路桥")) for n in range(4))
            )
            assert len({answer.customer for answer in answers}) == 4
            pool = {row.customer async for row in client.each(MAIN.pool(limit=1))}
            assert {answer.customer for answer in answers} <= pool
            assert {team.team for team in (await client.send(MAIN.teams())).data} == {"firm", "one", "two"}

    asyncio.run(run())
