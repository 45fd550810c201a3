"""Who serves whom: one arriving customer decided among 500 people, and 200,000 arrivals replayed under other rules.

In memory: what is measured is deciding, not the log. People are spread over regions and teams with skills at random; of
the arrivals some are talked with, and days are closed, so that returns are announced and customers return to the pool.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from benchmarks.lines import Line, Say
from ledger.domain.commands import ReportLead
from ledger.domain.relations.drafts import Context, Draft, command_decide
from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.records import Standing
from ledger.domain.relations.state import Happened, Relations
from ledger.domain.values import day_parse, day_text
from ledger.log.collector import collection_deferred
from ledger.rules.assignment.policy import assignment_policy
from ledger.rules.compile import Activation
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from replay.ownership.history import HistoryCustomers
from replay.ownership.run import OwnershipRun, ownership_run
from replay.ownership.standings import Standings

PEOPLE: Final = 500
ARRIVALS: Final = 200_000
DAY_FIRST: Final = day_parse("2024-01-01")
DAYS: Final = 700
REGIONS: Final = ("华东", "华北", "华南", "华中", "西南", "西北")
TYPES: Final = ("政府", "国企", "民企")
MUST_MS: Final = 2.0
MUST_SECONDS: Final = 10.0
ROUNDS_MAX: Final = 3
ROUNDS_SECONDS: Final = 30.0
"""No further round is begun after so much."""


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure."""
    arrivals = 5_000 if quick else ARRIVALS
    return [_one(say, 200 if quick else 2_000), _replay(say, arrivals)]


def rules() -> dict[str, Any]:
    """The standard rules with an assignment section that looks at everything: type and amount, skills, loads, turns."""
    document = rules_standard()
    document["assignment"] = {
        "rules": [
            {
                "id": "government", "title": {"zh": "政府客户", "en": "Government"},
                "when": {"customer": "customer_type", "equals": "政府"},
                "candidates": {"same_region": True, "skills": [{"trait": "customer_type", "at_least": 2}]},
                "choose": {"best_fit": {"skills": [{"trait": "customer_type", "points": 10}], "load": 100}},
            },
            {
                "id": "region", "title": {"zh": "按区域", "en": "By region"},
                "candidates": {"same_region": True}, "choose": {"least_loaded": {}},
            },
            {"id": "anybody", "title": {"zh": "轮转", "en": "In turn"}, "choose": {"rotation": {}}},
        ],
    }  # fmt: skip
    return document


def _people(rng: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, region in enumerate(REGIONS):
        yield "TeamDeclared", {"team": f"t{at}", "name": region, "parent": "", "region": region, "kind": ""}
    for n in range(1, PEOPLE + 1):
        at = rng.randrange(len(REGIONS))
        yield "StaffEnrolled", {
            "staff": staff_id(n), "person": f"P-{n:06d}", "sealed": "", "source": "bench", "reference": str(n),
            "team": f"t{at}", "role": "seller", "region": REGIONS[at],
            "skills": {f"customer_type:{t}": rng.randrange(1, 6) for t in TYPES if rng.random() < 0.5},
            "experience_years": rng.randrange(20), "capacity": rng.randrange(400, 900), "joined_on": "2020-01-01",
        }  # fmt: skip


def history(arrivals: int, seed: int = 1) -> Iterator[Happened]:
    """Inputs of about so many arrivals: each is registered and arrives, two in five talk, days are closed."""
    rng = random.Random(seed)
    position = 0
    for topic, fields in _people(rng):
        position += 1
        yield Happened(position, 0, topic, fields, DAY_FIRST)
    a_day = max(1, arrivals // DAYS)
    for n in range(1, arrivals + 1):
        day = DAY_FIRST + n // a_day
        traits = {"region": rng.choice(REGIONS), "customer_type": rng.choice(TYPES), "industry": "市政", "scale": ""}
        position += 3
        yield Happened(
            position - 2, n, "CustomerRegistered",
            {"source": "bench", "reference": str(n), "name": f"客户{n}", "traits": traits}, day,
        )  # fmt: skip
        yield Happened(
            position - 1, n, "LeadArrived",
            {"source": "bench", "lead": str(n), "channel": "web", "staff": "", "project": "", "needs": {},
             "amount": rng.randrange(10**9), "is_new": True, "matched": "", "matches": []}, day,
        )  # fmt: skip
        if rng.random() < 0.4:
            position += 1
            yield Happened(
                position - 1, rng.randrange(max(1, n - 20 * a_day), n + 1), "FollowUpRecorded",
                {"staff": "S-000001", "channel": "", "said": "", "next_step": "", "next_due_on": "",
                 "next_step_done": False, "outcome": "progress", "opportunity": "", "satisfaction": 0}, day,
            )  # fmt: skip
        if n % a_day == 0:
            position += 1
            yield Happened(position - 1, 0, "DayClosed", {"day": day_text(day)}, day + 1)
            # What history decided at the end of that day: returns, and what was said beforehand.
            position += 4 * a_day


def _nowhere() -> Standings:
    return Standings(np.zeros(0, np.int64), np.zeros(0, np.int64), [])


def _replay(say: Say, arrivals: int) -> Line:
    say(f"generating {arrivals:,} arrivals")
    with collection_deferred():
        inputs = list(history(arrivals))
    activation = Activation("bench", rule_set_parse(rules()), 0, 0)
    taken: list[float] = []
    digests: set[str] = set()
    found: OwnershipRun | None = None
    while len(taken) < ROUNDS_MAX and sum(taken) < ROUNDS_SECONDS:
        say(f"replaying {arrivals:,} arrivals, round {len(taken) + 1}")
        found = ownership_run("bench", inputs, [activation], _nowhere())
        taken.append(found.seconds)
        digests.add(found.digest)
    if len(digests) > 1:
        raise RuntimeError("two runs over the same inputs differ")
    assert found is not None
    given = sum(1 for d in found.decisions if d.staff)
    if given < arrivals:
        raise RuntimeError(f"only {given} of {arrivals} customers were ever assigned")
    seconds = min(taken)
    more = {
        "inputs": len(inputs), "decisions": len(found.decisions), "people": PEOPLE, "rounds_seconds": taken,
        "microseconds_per_arrival": round(seconds / arrivals * 1e6, 1), "digest": digests.pop(),
    }  # fmt: skip
    what = f"assignment replayed, {arrivals:,} arrivals, {PEOPLE} people"
    return Line(what, "ms", seconds * 1000, most=MUST_SECONDS * 1000, more=more)


def _one(say: Say, count: int) -> Line:
    """Commands decided as the writer decides them, every candidate told, without the append."""
    say("single decisions")
    customers = HistoryCustomers()
    state = Relations(customers)
    rng = random.Random(2)
    for position, (topic, fields) in enumerate(_people(rng), 1):
        state.apply(Happened(position, 0, topic, fields, DAY_FIRST))
    state.settle()
    policy = assignment_policy("bench", rule_set_parse(rules()))
    context = Context("bench", DAY_FIRST + 1, policy, lambda customer: Standing())
    taken: list[float] = []
    for n in range(1, count + 1):
        draft = Draft(state, context)
        traits = {"region": rng.choice(REGIONS), "customer_type": rng.choice(TYPES)}
        command = ReportLead("bench", str(n), f"客户{n}", channel="web", traits=traits, amount="100000")
        started = time.perf_counter()
        command_decide(draft, command)
        taken.append((time.perf_counter() - started) * 1000)
        for drafted in draft.events:
            if drafted.topic == "CustomerRegistered":
                customers.follow(Happened(drafted.position, drafted.customer, drafted.topic, drafted.fields, DAY_FIRST))
        state.settle()
    what = f"one arriving customer decided among {PEOPLE} people"
    more = {"p99_ms": sorted(taken)[len(taken) * 99 // 100]}
    # In microseconds: the limit is a few milliseconds.
    return Line(what, "µs", statistics.median(taken) * 1000, most=MUST_MS * 1000, more=more)
