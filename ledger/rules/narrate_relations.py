"""Events of relations in sentences, in Chinese and English. People are named by their ids only: who they are is sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ledger.domain.relations.stages import OUTCOMES, STAGES, TASK_STATES
from ledger.domain.values import money_text
from ledger.rules.assignment.document import FALLBACK
from ledger.rules.document import RuleSet
from ledger.rules.explain import Language

Both = tuple[str, str]
"""In Chinese, in English."""
State = Mapping[str, Any]

WHY: Final[Mapping[str, Both]] = {
    "registered": ("登记时", "since it was registered"),
    "arrival": ("来客分配", "on arrival"),
    "asked": ("从公海分配", "from the pool"),
    "claim": ("认领", "by claim"),
    "reassignment": ("改派", "by reassignment"),
    "handover": ("交接", "by handover"),
    "handover_undone": ("撤销交接", "because a handover was undone"),
    "collision": ("撞单裁定", "by the ruling of a collision"),
    "merge": ("合并客户", "because customers were merged"),
    "merged": ("并入其他客户", "because it was merged into another customer"),
    "unmerge": ("取消合并", "because a merger was undone"),
    "released": ("主动释放", "released"),
    "deadline": ("逾期未跟进", "not followed up in time"),
    "disputed": ("撞单待裁定", "a collision is to be ruled"),
    "no_candidate": ("没有合适的人选", "nobody could be chosen"),
}
"""Why an owner changes: `why` of CustomerAssigned and CustomerPooled."""

REMINDERS: Final[Mapping[str, Both]] = {
    "return_announced": ("即将退回公海", "is about to return to the pool"),
    "follow_up": ("该跟进了", "is to be followed up"),
    "nurture": ("培育客户该联系了", "is nurtured and to be called on"),
    "protection_ending": ("保护期将结束", "will no longer be protected"),
    "important_quiet": ("重要客户久未跟进", "is important and was not followed up for long"),
    "milestone": ("关键节点临近", "has a milestone ahead"),
    "task": ("任务到期", "has a task that is due"),
}
"""What is due: `kind` of ReminderDue."""

MATCHES: Final[Mapping[str, Both]] = {
    "credit_code": ("信用代码", "credit code"),
    "registered_name": ("注册名称", "registered name"),
    "phone": ("电话", "phone"),
    "project": ("项目", "project"),
    "same_sound": ("读音相同", "same sound"),
    "similar_name": ("相近名称", "similar name"),
}
"""What two customers have alike: the kinds in `matches`."""

CHANGES: Final[Mapping[str, Both]] = {
    "team": ("团队", "team"),
    "role": ("岗位", "role"),
    "region": ("区域", "region"),
    "skills": ("技能", "skills"),
    "experience_years": ("从业年限", "years of experience"),
    "capacity": ("客户容量", "capacity"),
    "credit_code": ("信用代码", "credit code"),
    "qualifications": ("资质", "qualifications"),
    "needs": ("需求", "needs"),
    "cooperation": ("合作情况", "cooperation"),
    "stage": ("阶段", "stage"),
    "amount": ("金额", "amount"),
    "probability_percent": ("赢率", "probability"),
    "expected_on": ("预计日期", "expected day"),
    "name": ("名称", "name"),
}
"""What may change of staff, profiles and opportunities."""

_RULES: Final[Mapping[str, Both]] = {FALLBACK: ("兜底", "Fallback")}
_STAGES: Final[Mapping[str, Both]] = {s.id: (s.zh, s.en) for s in STAGES}
_OUTCOMES: Final[Mapping[str, Both]] = {s.id: (s.zh, s.en) for s in OUTCOMES}
_STATES: Final[Mapping[str, Both]] = {s.id: (s.zh, s.en) for s in TASK_STATES}


class RelationsWords:
    """Puts events of relations into words. `rule_set` finds the one that an event names."""

    def __init__(self, rule_set: Callable[[str], RuleSet], language: Language) -> None:
        self._rule_set = rule_set
        self._at = 0 if language == "zh" else 1

    def words(self, topic: str, state: State) -> str | None:
        """The sentence of an event; None where it is none of relations."""
        method: Callable[[State], str] | None = getattr(self, f"_{topic}", None)
        return method(state) if method else None

    def _say(self, *both: str) -> str:
        return both[self._at]

    def _of(self, table: Mapping[str, Both], code: str) -> str:
        return table[code][self._at] if code in table else code

    def _reason(self, state: State) -> str:
        return self._say("：", ": ") + state["reason"] if state["reason"] else ""

    def _list(self, parts: Sequence[str]) -> str:
        return self._say("、", ", ").join(parts)

    def _rule(self, state: State) -> str:
        """The rule that chose, with its title and rule set."""
        rules = self._rule_set(state["rule_set"]).assignment
        found = rules.rule(state["rule"]) if rules else None
        title = (found.title.zh, found.title.en)[self._at] if found else self._of(_RULES, state["rule"])
        return self._say(f"规则“{title}”（{state['rule_set']}）", f"rule {title} ({state['rule_set']})")

    def _changed(self, changes: Mapping[str, Any]) -> str:
        return self._list([f"{self._of(CHANGES, name)} {self._value(name, v)}" for name, v in changes.items()])

    def _value(self, name: str, value: Any) -> str:
        if name == "amount":
            return money_text(value) + self._say("元", " CNY")
        if name == "stage":
            return self._of(_STAGES, value)
        if isinstance(value, Mapping):
            return self._list([f"{k} {v}" for k, v in value.items()])  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, (list, tuple)):
            return self._list([str(v) for v in value])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return str(value)

    # Staff and teams.

    def _TeamDeclared(self, state: State) -> str:
        above = self._say(f"，上级{state['parent']}", f", below {state['parent']}") if state["parent"] else ""
        return self._say(f"设立团队{state['team']}“{state['name']}”", f"Team {state['team']}, {state['name']}") + above

    def _StaffEnrolled(self, state: State) -> str:
        return self._say(
            f"{state['staff']}入职团队{state['team']}，客户容量{state['capacity']}",
            f"{state['staff']} joins team {state['team']}, with room for {state['capacity']} customers",
        )

    def _StaffChanged(self, state: State) -> str:
        return self._say(f"{state['staff']}变更：", f"{state['staff']} changed: ") + self._changed(state["changes"])

    def _StaffAbsent(self, state: State) -> str:
        first, last = state["first_day"], state["last_day"]
        return self._say(f"{state['staff']}自{first}至{last}休假", f"{state['staff']} is on leave from {first} to {last}")

    def _StaffLeft(self, state: State) -> str:
        return self._say(
            f"{state['staff']}离职，最后工作日{state['last_day']}",
            f"{state['staff']} leaves the firm; the last day is {state['last_day']}",
        )

    def _StaffAbsenceCancelled(self, state: State) -> str:
        first = state["first_day"]
        return self._say(
            f"{state['staff']}自{first}起的休假取消", f"{state['staff']}'s leave from {first} on is cancelled"
        )

    def _StaffStayed(self, state: State) -> str:
        return self._say(f"{state['staff']}取消离职，继续在职", f"{state['staff']} stays with the firm after all")

    # The customer.

    def _ProfileChanged(self, state: State) -> str:
        return self._say("客户画像变更：", "Profile changed: ") + self._changed(state["changes"])

    def _ContactRecorded(self, state: State) -> str:
        decides = self._say("，决策人", ", who decides") if state["decides"] else ""
        zh, en = (f"（{state['position']}）", f" ({state['position']})") if state["position"] else ("", "")
        return self._say(f"联系人{state['person']}{zh}", f"Contact {state['person']}{en}") + decides

    def _KnowledgeRecorded(self, state: State) -> str:
        about = self._say(f"（关于{state['person']}）", f" (about {state['person']})") if state["person"] else ""
        return self._say("软知识", "Soft knowledge") + f"{about}{self._entry(state)}"

    def _RegionKnowledgeRecorded(self, state: State) -> str:
        return self._say(f"{state['region']}的软知识", f"Soft knowledge of {state['region']}") + self._entry(state)

    def _entry(self, state: State) -> str:
        text = self._say("。", ". ") + state["text"] if state["text"] else ""
        return self._say("：", ": ") + f"{state['kind']}={state['value']}{text}"

    def _PersonErased(self, state: State) -> str:
        return self._say(f"删除{state['person']}的个人信息", f"{state['person']} was erased") + self._reason(state)

    def _ProjectRecorded(self, state: State) -> str:
        stage = self._say(f"，{state['stage']}阶段", f", at the stage {state['stage']}") if state["stage"] else ""
        amount = self._say(f"，{money_text(state['amount'])}元", f", {money_text(state['amount'])} CNY") if state["amount"] else ""
        return self._say("项目", "Project ") + f"{state['project']} {state['name']}{stage}{amount}"

    def _MilestoneSet(self, state: State) -> str:
        node = f"{state['project']} {state['name']}"
        if state["reached_on"]:
            return self._say(f"关键节点“{node}”于{state['reached_on']}达成", f"Milestone {node} reached on {state['reached_on']}")
        return self._say(f"关键节点“{node}”定于{state['due_on']}", f"Milestone {node} due on {state['due_on']}")

    def _CustomersMerged(self, state: State) -> str:
        return self._say(f"并入{state['merged']}", f"{state['merged']} is this customer, and was merged into it") + self._reason(state)

    def _CustomersUnmerged(self, state: State) -> str:
        return self._say(f"取消与{state['merged']}的合并", f"{state['merged']} is another customer after all") + self._reason(state)

    # Who serves whom.

    def _LeadArrived(self, state: State) -> str:
        lead = f"{state['source']}:{state['lead']}"
        channel = self._say(f"，渠道{state['channel']}", f", by {state['channel']}") if state["channel"] else ""
        staff = self._say(f"，由{state['staff']}上报", f", reported by {state['staff']}") if state["staff"] else ""
        amount = self._say(f"，{money_text(state['amount'])}元", f", {money_text(state['amount'])} CNY") if state["amount"] else ""
        return self._say(f"线索{lead}到来", f"Lead {lead} arrives") + channel + staff + amount

    def _AssignmentAsked(self, state: State) -> str:
        return self._say("请求按规则分配", "The rules are asked for an owner")

    def _CustomerClaimed(self, state: State) -> str:
        return self._say(f"{state['staff']}从公海认领", f"{state['staff']} claims it from the pool")

    def _CustomerReleased(self, state: State) -> str:
        return self._say(f"{state['staff']}释放到公海", f"{state['staff']} gives it back to the pool") + self._reason(state)

    def _CustomerReassigned(self, state: State) -> str:
        return self._say(f"改派给{state['staff']}", f"Reassigned to {state['staff']}") + self._reason(state)

    def _CollaboratorAdded(self, state: State) -> str:
        return self._say(f"{state['staff']}参与协作", f"{state['staff']} works with it too")

    def _CollaboratorRemoved(self, state: State) -> str:
        return self._say(f"{state['staff']}退出协作", f"{state['staff']} no longer works with it")

    def _NurtureBegun(self, state: State) -> str:
        days = state["rhythm_days"]
        return self._say(f"开始培育，每{days}天联系一次", f"Nurtured, with a talk every {days} days") + self._reason(state)

    def _NurtureEnded(self, state: State) -> str:
        return self._say("结束培育", "No longer nurtured") + self._reason(state)

    def _PortfolioHandedOver(self, state: State) -> str:
        to = state["to"] or self._say("规则所选的人", "whom the rules choose")
        return self._say(f"{state['staff']}的客户和工作交接给{to}", f"{state['staff']} hands everything over to {to}") + self._reason(state)

    def _HandoverUndone(self, state: State) -> str:
        return self._say(
            f"撤销{state['staff']}在位置{state['undoes']}的交接", f"The handover of {state['staff']} at position {state['undoes']} is undone"
        ) + self._reason(state)

    def _CustomerAssigned(self, state: State) -> str:
        text = self._say(f"归属{state['staff']}（团队{state['team']}），", f"Assigned to {state['staff']} of team {state['team']} ")
        text += self._of(WHY, state["why"])
        if state["rule"]:
            text += self._say("，", ", ") + self._rule(state)
            if state.get("candidates"):
                count = len(state["candidates"])
                text += self._say(f"，候选{count}人", f", of {count} considered")
        if state["protected_until"]:
            text += self._say(f"；保护至{state['protected_until']}", f"; protected until {state['protected_until']}")
        if state["due_on"]:
            text += self._say(f"；须于{state['due_on']}前跟进", f"; to be followed up by {state['due_on']}")
        return text

    def _CustomerPooled(self, state: State) -> str:
        had = self._say(f"，原归属{state['staff']}", f"; {state['staff']} had it") if state["staff"] else ""
        return self._say("进入公海：", "In the pool: ") + self._of(WHY, state["why"]) + had

    def _CollisionFound(self, state: State) -> str:
        matches = self._list([f"{self._of(MATCHES, kind)} {score}" for kind, score in state["matches"]])
        sure = self._say(*(("确定", "certain") if state["certainty"] == "exact" else ("疑似", "likely")))
        asker = state["asker"] or self._say("无人", "nobody")
        return self._say(
            f"撞单{state['collision']}（{sure}）：{state['holder']}持有，{asker}申请；依据：{matches}",
            f"Collision {state['collision']} ({sure}): {state['holder']} has it, {asker} asks for it; matched by {matches}",
        )

    def _CollisionRuled(self, state: State) -> str:
        return self._say(f"撞单{state['collision']}裁定归{state['owner']}", f"Collision {state['collision']} is ruled for {state['owner']}") + self._reason(state)

    def _CollisionSettled(self, state: State) -> str:
        return self._say(
            f"撞单{state['collision']}按规则（{state['rule_set']}）仍归{state['owner']}",
            f"Collision {state['collision']} is settled by the rules ({state['rule_set']}): {state['owner']} keeps it",
        )

    def _ReminderDue(self, state: State) -> str:
        about = f" {state['about']}" if state["about"] else ""
        staff = state["staff"] or self._say("相关人员", "whom it concerns")
        kind = self._of(REMINDERS, state["kind"])
        return self._say(
            f"提醒{staff}：{kind}{about}（{state['due_on']}）", f"Reminder for {staff}: the customer {kind}{about} ({state['due_on']})"
        )

    # The work.

    def _FollowUpRecorded(self, state: State) -> str:
        text = self._say(f"{state['staff']}跟进", f"{state['staff']} talks to the customer")
        text += self._say(f"（{state['channel']}）", f" ({state['channel']})") if state["channel"] else ""
        text += self._say("，", ", ") + self._of(_OUTCOMES, state["outcome"]) + self._say("：", ": ") + state["said"]
        if state["next_step"]:
            text += self._say(f"；下一步：{state['next_step']}", f"; next: {state['next_step']}")
        if state["next_due_on"]:
            text += self._say(f"（{state['next_due_on']}前）", f" (by {state['next_due_on']})")
        return text

    def _OpportunityOpened(self, state: State) -> str:
        amount, stage = money_text(state["amount"]), self._of(_STAGES, state["stage"])
        percent = state["probability_percent"]
        return self._say(
            f"商机{state['opportunity']} {state['name']}：{stage}，{amount}元，赢率{percent}%，{state['staff']}负责",
            f"Opportunity {state['opportunity']} {state['name']}: {stage}, {amount} CNY, {percent}%, of {state['staff']}",
        )

    def _OpportunityChanged(self, state: State) -> str:
        changes = self._changed(state["changes"])
        return self._say(f"商机{state['opportunity']}变更：", f"Opportunity {state['opportunity']}: ") + changes + self._reason(state)

    def _OpportunityReassigned(self, state: State) -> str:
        return self._say(
            f"商机{state['opportunity']}转给{state['staff']}", f"Opportunity {state['opportunity']} goes to {state['staff']}"
        )

    def _TaskHanded(self, state: State) -> str:
        to = state["to"] or state["department"]
        return self._say(
            f"{state['staff']}向{to}派发任务{state['task']}“{state['title']}”，{state['due_on']}前完成",
            f"{state['staff']} hands {state['task']}, {state['title']}, to {to}, due on {state['due_on']}",
        )

    def _TaskMoved(self, state: State) -> str:
        done = self._of(_STATES, state["state"])
        note = self._say("：", ": ") + state["note"] if state["note"] else ""
        percent = state["progress_percent"]
        return self._say(
            f"任务{state['task']}{done}（{percent}%，{state['staff']}）", f"Task {state['task']}: {done} ({percent}%, {state['staff']})"
        ) + note

    def _TaskReassigned(self, state: State) -> str:
        to = state["to"] or self._say("部门", "the department")
        return self._say(
            f"任务{state['task']}改由{state['staff']}派发、{to}办理", f"Task {state['task']} is now handed by {state['staff']}, for {to} to do"
        )
