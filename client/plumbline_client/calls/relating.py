"""Commands of relations: staff and teams, assignment, what is known of customers, and the work with them.

Who does something may be left out by a key of staff: it is its own member. Days are ISO dates, amounts CNY: decimals,
integers or decimal text, never floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from plumbline_client.calls.relations import ROOT, RelationsCalls
from plumbline_client.core import Call, body_of, key_new, part
from plumbline_client.results import Answer, LeadAnswer, LeadCheck

Amount: TypeAlias = Decimal | int | str
HandoverKind: TypeAlias = Literal["leaving", "leave"]


class FirmWrites(RelationsCalls):
    """Teams, staff, leave and leaving, handovers."""

    def team_declare(
        self, team: str, name: str, *, parent: str = "", region: str = "", kind: str = "", key: str = ""
    ) -> Call[Answer]:
        """Declare a team, or change one."""
        document = {"team": team, "name": name, "parent": parent, "region": region, "kind": kind}
        return self._relate("/teams", document, key)

    def staff_enrol(
        self,
        source: str,
        reference: str,
        name: str,
        team: str,
        *,
        role: str = "seller",
        phone: str = "",
        region: str = "",
        skills: Mapping[str, int] | None = None,
        experience_years: int = 0,
        capacity: int = 50,
        joined_on: str = "",
        leads: bool = False,
        leader: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Enrol a member of staff; their id is the answer's `id`. One enrolled before is left as it is.

        Who `leads` has a team of their own below `team`; with `leader` (a reference or a name at the same source)
        somebody belongs to the team that this person leads below `team`.
        """
        document = {
            "source": source, "reference": reference, "name": name, "team": team, "role": role, "phone": phone,
            "region": region, "skills": dict(skills or {}), "experience_years": experience_years,
            "capacity": capacity, "joined_on": joined_on, "leads": leads, "leader": leader,
        }  # fmt: skip
        return self._relate("/staff", document, key)

    def staff_change(self, staff: str, changes: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Change team, role, region, skills, experience_years or capacity of somebody."""
        return self._relate(f"/staff/{part(staff)}/change", {"changes": dict(changes)}, key)

    def absence_record(self, staff: str, first_day: str, last_day: str, *, key: str = "") -> Call[Answer]:
        """Record leave, both days included."""
        return self._relate(f"/staff/{part(staff)}/absences", {"first_day": first_day, "last_day": last_day}, key)

    def leaving_record(self, staff: str, last_day: str, *, key: str = "") -> Call[Answer]:
        """Record that somebody leaves the firm after a day."""
        return self._relate(f"/staff/{part(staff)}/leaving", {"last_day": last_day}, key)

    def absence_cancel(self, staff: str, first_day: str, *, key: str = "") -> Call[Answer]:
        """Cancel leave, or what is left of it; it is named by its first day."""
        return self._relate(f"/staff/{part(staff)}/absences/cancel", {"first_day": first_day}, key)

    def leaving_cancel(self, staff: str, *, key: str = "") -> Call[Answer]:
        """Record that somebody stays after all."""
        return self._relate(f"/staff/{part(staff)}/leaving/cancel", {}, key)

    def portfolio_hand_over(
        self, staff: str, *, to: str = "", kind: HandoverKind = "leaving", reason: str = "", key: str = ""
    ) -> Call[Answer]:
        """Hand over all that somebody has, as one; without `to` the rules choose for each customer."""
        document = {"to": to, "kind": kind, "reason": reason}
        return self._relate(f"/staff/{part(staff)}/handover", document, key)

    def handover_undo(self, handover: int, reason: str, *, key: str = "") -> Call[Answer]:
        """Take a handover back; it is named by its position in the log."""
        return self._relate("/handovers/undo", {"handover": handover, "reason": reason}, key)


class ProfileWrites(RelationsCalls):
    """What is known of customers."""

    def profile_change(self, customer: str, changes: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Change credit_code, qualifications, needs, cooperation or further named entries."""
        return self._relate(f"/customers/{part(customer)}/profile", {"changes": dict(changes)}, key)

    def contact_record(
        self,
        customer: str,
        name: str,
        *,
        phone: str = "",
        position: str = "",
        decides: bool = False,
        note: str = "",
        person: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Record a person at a customer; with `person`, one that changed."""
        document = {
            "name": name, "phone": phone, "position": position, "decides": decides, "note": note, "person": person,
        }  # fmt: skip
        return self._relate(f"/customers/{part(customer)}/contacts", document, key)

    def knowledge_record(
        self,
        kind: str,
        value: str,
        *,
        text: str = "",
        customer: str = "",
        region: str = "",
        person: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Record soft knowledge about a customer, a person there, or a region; an empty value takes it back."""
        document = {
            "kind": kind, "value": value, "text": text, "customer": customer, "region": region, "person": person,
        }  # fmt: skip
        return self._relate("/knowledge", document, key)

    def person_erase(self, person: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Erase a person: what was sealed for them can't be read any more. Final."""
        return self._relate(f"/people/{part(person)}/erase", {"reason": reason}, key)

    def project_record(
        self,
        customer: str,
        name: str,
        *,
        stage: str = "",
        region: str = "",
        amount: Amount = 0,
        parties: Sequence[tuple[str, str]] = (),
        site_team: Sequence[str] = (),
        project: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Record a project; with `project`, one that changed. A party is a role and a name, or a customer's id."""
        document = {
            "name": name, "stage": stage, "region": region, "amount": str(amount),
            "parties": [list(party) for party in parties], "site_team": list(site_team), "project": project,
        }  # fmt: skip
        return self._relate(f"/customers/{part(customer)}/projects", document, key)

    def milestone_set(
        self, project: str, milestone: str, name: str, due_on: str, *, reached_on: str = "", key: str = ""
    ) -> Call[Answer]:
        """Set, move or reach a key node of a project."""
        document = {"milestone": milestone, "name": name, "due_on": due_on, "reached_on": reached_on}
        return self._relate(f"/projects/{part(project)}/milestones", document, key)

    def customers_merge(self, customer: str, merged: str, reason: str, *, key: str = "") -> Call[Answer]:
        """`merged` is the same customer as `customer`."""
        return self._relate(f"/customers/{part(customer)}/merge", {"merged": merged, "reason": reason}, key)

    def customers_unmerge(self, merged: str, reason: str, *, key: str = "") -> Call[Answer]:
        """`merged` was not the same customer after all."""
        return self._relate(f"/customers/{part(merged)}/unmerge", {"reason": reason}, key)


class AssignmentWrites(RelationsCalls):
    """Who has a customer."""

    def lead_report(
        self,
        source: str,
        lead: str,
        name: str,
        *,
        channel: str = "",
        staff: str = "",
        customer: str = "",
        traits: Mapping[str, str] | None = None,
        credit_code: str = "",
        phone: str = "",
        project: str = "",
        amount: Amount = 0,
        needs: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Call[LeadAnswer]:
        """Report a lead; the same (source, lead) once. Where it is somebody's already, the answer's `code` says so."""
        document = _lead(
            source, lead, name, channel, staff, customer, traits, credit_code, phone, project, amount, needs
        )
        return self._do(ROOT + "/leads", LeadAnswer, document, key=key or key_new())

    def lead_check(
        self,
        source: str,
        lead: str,
        name: str,
        *,
        channel: str = "",
        staff: str = "",
        customer: str = "",
        traits: Mapping[str, str] | None = None,
        credit_code: str = "",
        phone: str = "",
        project: str = "",
        amount: Amount = 0,
        needs: Mapping[str, str] | None = None,
    ) -> Call[LeadCheck]:
        """Look up whether a lead is somebody's already. Nothing is recorded; how often one may ask is bounded."""
        document = _lead(
            source, lead, name, channel, staff, customer, traits, credit_code, phone, project, amount, needs
        )
        path = f"{self._root}{ROOT}/leads/check"
        return Call("POST", path, LeadCheck, body=body_of(document), ledger=self.name)

    def customer_assign(self, customer: str, *, key: str = "") -> Call[Answer]:
        """Let the rules choose an owner."""
        return self._relate(f"/customers/{part(customer)}/assign", {}, key)

    def customer_claim(self, customer: str, *, staff: str = "", key: str = "") -> Call[Answer]:
        """Claim a customer from the pool: however many try, one has it."""
        return self._relate(f"/customers/{part(customer)}/claim", {"staff": staff}, key)

    def customer_release(self, customer: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Give a customer back to the pool."""
        return self._relate(f"/customers/{part(customer)}/release", {"reason": reason}, key)

    def customer_reassign(self, customer: str, staff: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Give a customer to somebody else."""
        return self._relate(f"/customers/{part(customer)}/reassign", {"staff": staff, "reason": reason}, key)

    def collaborator_add(self, customer: str, staff: str, *, key: str = "") -> Call[Answer]:
        """Let somebody work with a customer beside its owner."""
        return self._relate(f"/customers/{part(customer)}/collaborators/add", {"staff": staff}, key)

    def collaborator_remove(self, customer: str, staff: str, *, key: str = "") -> Call[Answer]:
        """Somebody no longer works with a customer."""
        return self._relate(f"/customers/{part(customer)}/collaborators/remove", {"staff": staff}, key)

    def nurture_begin(
        self, customer: str, *, rhythm_days: int = 0, reason: str = "", key: str = ""
    ) -> Call[Answer]:
        """Follow a slow customer up in a rhythm of its own; 0 takes that of the rules."""
        document = {"rhythm_days": rhythm_days, "reason": reason}
        return self._relate(f"/customers/{part(customer)}/nurture/begin", document, key)

    def nurture_end(self, customer: str, *, reason: str = "", key: str = "") -> Call[Answer]:
        """Let the ordinary deadline hold again."""
        return self._relate(f"/customers/{part(customer)}/nurture/end", {"reason": reason}, key)

    def collision_rule(self, collision: str, owner: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Rule who has the customer."""
        return self._relate(f"/collisions/{part(collision)}/rule", {"owner": owner, "reason": reason}, key)


class WorkWrites(RelationsCalls):
    """The work with customers."""

    def follow_up_record(
        self,
        customer: str,
        said: str,
        *,
        staff: str = "",
        channel: str = "",
        next_step: str = "",
        next_due_on: str = "",
        outcome: str = "none",
        opportunity: str = "",
        satisfaction: int = 0,
        next_step_done: bool = False,
        key: str = "",
    ) -> Call[Answer]:
        """Record a talk with a customer. `satisfaction` is 1 to 5, 0 where nobody asked. The step agreed on before
        stands until another comes next, or it is done (`next_step_done`)."""
        document = {
            "staff": staff, "said": said, "channel": channel, "next_step": next_step, "next_due_on": next_due_on,
            "outcome": outcome, "opportunity": opportunity, "satisfaction": satisfaction,
            "next_step_done": next_step_done,
        }  # fmt: skip
        return self._relate(f"/customers/{part(customer)}/follow_ups", document, key)

    def opportunity_open(
        self,
        customer: str,
        name: str,
        stage: str,
        *,
        staff: str = "",
        amount: Amount = 0,
        probability_percent: int = 0,
        expected_on: str = "",
        project: str = "",
        channel: str = "",
        source: str = "",
        reference: str = "",
        opened_on: str = "",
        end: str = "",
        ended_on: str = "",
        reason: str = "",
        carried_over: bool = False,
        key: str = "",
    ) -> Call[Answer]:
        """Open an opportunity; its id is the answer's `id`. With (source, reference) the same one is opened once.

        It may have begun (`opened_on`) and ended (`end` "won" or "lost", `ended_on`, `reason`) on days of the past;
        `carried_over`, for the office, is one of another system.
        """
        document = {
            "staff": staff, "name": name, "stage": stage, "amount": str(amount),
            "probability_percent": probability_percent, "expected_on": expected_on, "project": project,
            "channel": channel, "source": source, "reference": reference, "opened_on": opened_on, "end": end,
            "ended_on": ended_on, "reason": reason, "carried_over": carried_over,
        }  # fmt: skip
        return self._relate(f"/customers/{part(customer)}/opportunities", document, key)

    def opportunity_change(
        self, opportunity: str, changes: Mapping[str, Any], *, reason: str = "", key: str = ""
    ) -> Call[Answer]:
        """Change stage, amount, probability_percent, expected_on or name; the stages won and lost end it."""
        document = {"changes": dict(changes), "reason": reason}
        return self._relate(f"/opportunities/{part(opportunity)}/change", document, key)

    def task_hand(
        self,
        customer: str,
        title: str,
        due_on: str,
        *,
        staff: str = "",
        department: str = "",
        to: str = "",
        opportunity: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Hand a task to another department, or a member of it."""
        document = {
            "staff": staff, "title": title, "due_on": due_on, "department": department, "to": to,
            "opportunity": opportunity,
        }  # fmt: skip
        return self._relate(f"/customers/{part(customer)}/tasks", document, key)

    def task_move(
        self,
        task: str,
        state: str,
        *,
        staff: str = "",
        progress_percent: int = 0,
        note: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Accept a task, make progress, end or decline it."""
        document = {"state": state, "staff": staff, "progress_percent": progress_percent, "note": note}
        return self._relate(f"/tasks/{part(task)}/move", document, key)


def _lead(
    source: str,
    lead: str,
    name: str,
    channel: str,
    staff: str,
    customer: str,
    traits: Mapping[str, str] | None,
    credit_code: str,
    phone: str,
    project: str,
    amount: Amount,
    needs: Mapping[str, str] | None,
) -> dict[str, Any]:
    return {
        "source": source, "lead": lead, "name": name, "channel": channel, "staff": staff, "customer": customer,
        "traits": dict(traits or {}), "credit_code": credit_code, "phone": phone, "project": project,
        "amount": str(amount), "needs": dict(needs or {}),
    }  # fmt: skip
