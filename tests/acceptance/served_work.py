"""A load of facts and of the work with customers: leads, claims that several want, talks, handovers and their undoing; and
what must hold of it in the log."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any, Final

import httpx
from plumbline_client import Ledger, Plumbline

from tests.acceptance.served import LEDGER, Asked, HttpLoad
from tests.ledgers import Entry

TEAM: Final = "sales"
AT: Final = "relations"
CLAIM_REFUSALS: Final = frozenset({"CLAIM_TAKEN", "CLAIM_OWN", "CLAIM_QUOTA_DAY"})
"""Of a claim that several make, one is accepted; and one may claim so many customers a day."""
ROUND: Final = 8
"""After so many customers, what somebody handed over is back with them."""


def firm_make(url: str, key: str) -> None:
    """The team that all are in."""
    with Plumbline(url, key) as plumbline:
        plumbline.send(Ledger(LEDGER).team_declare(TEAM, "销售部", region="east"))


class FirmLoad(HttpLoad):
    """Facts from every other thread; from the others two people each, whose customers arrive, are claimed, talked with,
    and handed from one to the other and back."""

    def __init__(self, name: str, urls: list[str], key: str, threads: int = 6) -> None:
        self.pool: list[str] = []
        """Customers that nobody has yet."""
        super().__init__(name, urls, key, threads)

    def steps(self, thread: int) -> Generator[Asked, httpx.Response, None]:
        if thread % 2 == 0:
            yield from super().steps(thread)
        first = yield from self._enrolled(f"{self.name}/{thread}a")
        second = yield from self._enrolled(f"{self.name}/{thread}b")
        owner, handover, n = first, 0, 0
        while True:
            name = f"{self.name}/{thread}/{n}"
            customer = yield from self._arrived(f"{name}/own", {"staff": owner})
            said = {"staff": owner, "said": name, "next_step": "再谈", "outcome": "progress"}
            yield Asked(f"{AT}/customers/{customer}/follow_ups", f"FollowUpRecorded:{name}", said)
            if n % 3 == 0:
                self.pool.append((yield from self._arrived(f"{name}/pool", {})))
            elif n % 3 == 1:
                yield from self._arrived(f"{name}/rules", {"traits": {"region": "east"}})
            for wanted in self.pool[-2:]:
                name_of_claim = f"CustomerClaimed:{wanted}:{owner}:{n}"
                yield Asked(f"{AT}/customers/{wanted}/claim", name_of_claim, {"staff": owner}, CLAIM_REFUSALS)
            if n % ROUND == ROUND // 2:
                handed = {"to": second, "kind": "leave", "reason": name}
                answer = yield Asked(f"{AT}/staff/{first}/handover", f"PortfolioHandedOver:{name}", handed)
                owner, handover = second, int(answer.json()["id"])
            elif n % ROUND == ROUND - 1:
                undone = {"handover": handover, "reason": name}
                yield Asked(f"{AT}/handovers/undo", f"HandoverUndone:{name}", undone)
                owner = first
            n += 1

    def _enrolled(self, reference: str) -> Generator[Asked, httpx.Response, str]:
        document = {"source": "hr", "reference": reference, "name": "员工", "team": TEAM, "capacity": 1_000}
        answer = yield Asked(f"{AT}/staff", f"StaffEnrolled:{reference}", document)
        return answer.json()["id"]

    def _arrived(self, lead: str, more: dict[str, Any]) -> Generator[Asked, httpx.Response, str]:
        document = {"source": "web", "lead": lead, "name": firm_name(lead), **more}
        answer = yield Asked(f"{AT}/leads", f"LeadArrived:{lead}", document)
        return answer.json()["customer"]


def firm_name(lead: str) -> str:
    """A name that is like no other: likely matches would be collisions."""
    digest = hashlib.sha256(lead.encode()).digest()
    return "".join(chr(0x4E00 + int.from_bytes(digest[i : i + 2]) % 0x4000) for i in range(0, 12, 2)) + "建设"


WORDS: Final = {
    "StaffEnrolled": "reference", "LeadArrived": "lead", "FollowUpRecorded": "said", "PortfolioHandedOver": "reason",
    "HandoverUndone": "reason",
}  # fmt: skip
"""By what a command is known in the event that it led to."""


def work_check(entries: Sequence[Entry], acknowledged: Sequence[str]) -> Counter[str]:
    """Every acknowledged command of relations is in the log once, and none twice. Gives how many of each there are."""
    recorded = Counter(f"{topic}:{state[WORDS[topic]]}" for _, _, topic, state in entries if topic in WORDS)
    recorded += Counter(
        f"{topic}:{stream}:{state['staff']}" for _, stream, topic, state in entries if topic == "CustomerClaimed"
    )
    assert set(recorded.values()) <= {1}, "recorded twice"
    named = [name for name in acknowledged if ":" in name]
    # A claim is numbered beside: the same one may be made again, and then be refused.
    known = [name.rpartition(":")[0] if name.startswith("CustomerClaimed") else name for name in named]
    assert [name for name in known if name not in recorded] == [], "acknowledged and lost"
    assert len(known) == len(set(known)), "acknowledged twice"
    return Counter(name.partition(":")[0] for name in known)
