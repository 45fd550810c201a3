"""profile, contact, knowledge, erase, project, milestone, merge, unmerge: what is known of customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ledger.domain.commands import (
    ChangeProfile,
    ErasePerson,
    MergeCustomers,
    RecordContact,
    RecordKnowledge,
    RecordProject,
    SetMilestone,
    UnmergeCustomers,
)
from ledger.domain.relations.ids import person_id, project_id
from ledger.domain.values import customer_id, money_text, points_text
from ledger.log.vault import Vault
from ledger.rules.document import RuleSet, rule_set_parse
from projections.relations.profiles import (
    Worth,
    contacts_read,
    knowledge_read,
    projects_read,
    worth_read,
)
from service.commands.relations.asking import (
    AsOption,
    DryRunOption,
    customer_words,
    looking,
    pairs_listed,
    pairs_option,
    send,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of

profile_app = typer.Typer(help="What is known of a customer. 客户画像。", no_args_is_help=True, rich_markup_mode=None)


@profile_app.command("change")
def profile_change(
    customer: str,
    credit_code: Annotated[str | None, typer.Option("--credit-code", help="统一社会信用代码")] = None,
    qualification: Annotated[list[str] | None, typer.Option("--qualification", help="May be repeated. 资质")] = None,
    needs: Annotated[str | None, typer.Option("--needs", help="个性化需求")] = None,
    cooperation: Annotated[str | None, typer.Option("--cooperation", help="How it went so far. 合作评价")] = None,
    more: Annotated[list[str] | None, typer.Option("--more", help="name=value, may be repeated. 其他")] = None,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Change a customer's profile; what is given replaces what was there. 变更画像。"""
    given: dict[str, Any] = {
        "credit_code": credit_code, "qualifications": qualification, "needs": needs, "cooperation": cooperation,
        **pairs_option(more, "more"),
    }  # fmt: skip
    command = ChangeProfile(customer, {name: value for name, value in given.items() if value is not None})
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


def contact(
    customer: str,
    name: Annotated[str, typer.Option("--name", help="Kept sealed. 姓名")],
    phone: Annotated[str, typer.Option("--phone", help="Kept sealed. 电话")] = "",
    position: Annotated[str, typer.Option("--position", help="职务")] = "",
    decides: Annotated[bool, typer.Option("--decides", help="Whether they decide. 关键决策人")] = False,
    note: Annotated[str, typer.Option("--note", help="Kept sealed. 备注")] = "",
    person: Annotated[str, typer.Option("--person", help="P-000001, where one is changed. 已有联系人")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A person at a customer. 联系人。"""
    send(output_of(json, language), RecordContact(customer, name, phone, position, decides, note, person), ledger, actor, dry_run=dry_run)


def knowledge(
    kind: str,
    value: str,
    text: Annotated[str, typer.Option("--text", help="In words. 说明")] = "",
    customer: Annotated[str, typer.Option("--customer", help="客户")] = "",
    region: Annotated[str, typer.Option("--region", help="Of a whole region. 地区")] = "",
    person: Annotated[str, typer.Option("--person", help="About a contact (P-000001). 联系人")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Soft knowledge that assignment rules can read: a kind and one of its values. 软知识。"""
    send(output_of(json, language), RecordKnowledge(kind, value, text, customer, region, person), ledger, actor, dry_run=dry_run)


def erase(
    person: str,
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Delete a person's key: what is sealed for them can never be read again. 删除个人信息。"""
    send(output_of(json, language), ErasePerson(person, reason), ledger, actor, dry_run=dry_run)


def project(
    customer: str,
    name: Annotated[str, typer.Option("--name", help="名称")],
    stage: Annotated[str, typer.Option("--stage", help="阶段")] = "",
    region: Annotated[str, typer.Option("--region", help="地区")] = "",
    amount: Annotated[str, typer.Option("--amount", help="CNY. 金额")] = "0",
    party: Annotated[list[str] | None, typer.Option("--party", help="role=customer or name, may be repeated. 参建方")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="Site team (S-000001), may be repeated. 项目部")] = None,
    number: Annotated[str, typer.Option("--project", help="J-000001, where one is changed. 已有项目")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A project of a customer, with its parties and site team. 项目。"""
    parties = tuple(pairs_listed(party, "party"))
    command = RecordProject(customer, name, stage, region, amount, parties, tuple(site or ()), number)
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


def milestone(
    number: Annotated[str, typer.Argument(metavar="PROJECT")],
    milestone: Annotated[str, typer.Argument(metavar="MILESTONE")],
    name: Annotated[str, typer.Option("--name", help="名称")],
    due_on: Annotated[str, typer.Option("--due", help="YYYY-MM-DD. 期限")],
    reached_on: Annotated[str, typer.Option("--reached", help="YYYY-MM-DD, once it is. 达成日")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A key node of a project. 关键节点。"""
    send(output_of(json, language), SetMilestone(number, milestone, name, due_on, reached_on), ledger, actor, dry_run=dry_run)


def merge(
    customer: str,
    merged: Annotated[str, typer.Option("--merged", help="Which is the same. 重复客户")],
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Two customers are one. 合并客户。"""
    send(output_of(json, language), MergeCustomers(customer, merged, reason), ledger, actor, dry_run=dry_run)


def unmerge(
    merged: str,
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """They were two after all; all is as before. 撤销合并。"""
    send(output_of(json, language), UnmergeCustomers(merged, reason), ledger, actor, dry_run=dry_run)


@profile_app.command("show")
def profile_show(
    customer: str,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Profile, standing, people, soft knowledge and projects of a customer. 客户画像。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        known = look.profile(customer)
        number = known.customer.customer
        contacts = contacts_read(look.connection, look.scope, number)
        knowledge = knowledge_read(look.connection, look.scope, number)
        projects = projects_read(look.connection, look.scope, customer=number)
        book = look.handle.columns().book()
        name = book.in_force(look.today)
        rules = rule_set_parse(book.rule_sets[name].document) if name else None
        worth = worth_read(look.connection, look.scope, number, rules.tiers if rules else None, look.today)
        sealed = [c for c in contacts if c.sealed]
        opened = Vault(look.handle.recorder.datastore).open_many([(c.person, c.sealed) for c in sealed])
    said = {c.person: words for c, words in zip(sealed, opened, strict=True)}
    people = [
        {"person": person_id(c.person), "position": c.place, "decides": c.decides, **(said.get(c.person) or {"erased": True})}
        for c in contacts
    ]
    profile: dict[str, str] = {
        "credit_code": known.profile.credit_code, "qualifications": "、".join(known.profile.qualifications),
        "needs": known.profile.needs, "cooperation": known.profile.cooperation, **known.profile.more,
    }  # fmt: skip
    document: dict[str, Any] = {
        "customer": customer_id(known.customer.customer), "name": known.customer.name,
        "merged": [customer_id(m.customer) for m in known.merged],
        "profile": {**profile, "qualifications": known.profile.qualifications},
        "contacts": people,
        "knowledge": [{"kind": k.kind, "value": k.value, "text": k.text} for k in knowledge],
        "projects": [
            {"project": project_id(p.number), "name": p.name, "stage": p.stage, "amount": money_text(p.amount)}
            for p in projects
        ],
        "standing": None if worth is None else {
            "tier": worth.tier.tier, "grade": worth.tier.grade, "tags": worth.tier.tags,
            "balance": points_text(worth.balance.balance),
            "balance_together": None if worth.together is None else points_text(worth.together),
        },
    }  # fmt: skip
    if out.json:
        out.document(document)
        return
    rows = [[name, value] for name, value in profile.items() if value]
    if worth is not None:
        rows += _worth_rows(out, worth, rules)
    rows += [[out.say("联系人", "contact"), _contact_words(out, p)] for p in people]
    rows += [[f"{k.kind}:{k.value}", k.text or ""] for k in knowledge]
    rows += [[project_id(p.number), f"{p.name} {p.stage} {money_text(p.amount)}"] for p in projects]
    out.table(customer_words(known.customer.customer, known.customer.name), ["", ""], rows)


def _worth_rows(out: Output, worth: Worth, rules: RuleSet | None) -> list[list[str]]:
    titles = {level.id: level.title for level in rules.tiers.levels} if rules and rules.tiers else {}
    titles |= {tag.id: tag.title for tag in rules.tags} if rules else {}

    def words(name: str) -> str:
        return getattr(titles[name], out.language) if name in titles else name

    together = "" if worth.together is None else out.say(
        f"（合并客户共 {points_text(worth.together)}）", f" ({points_text(worth.together)} with those merged into it)"
    )  # fmt: skip
    rows = [
        [out.say("等级", "tier"), words(worth.tier.tier or "")], [out.say("信用等级", "grade"), worth.tier.grade or ""],
        [out.say("标签", "tags"), "、".join(map(words, worth.tier.tags))],
        [out.say("积分余额", "balance"), points_text(worth.balance.balance) + together],
    ]  # fmt: skip
    return [row for row in rows if row[1]]


def _contact_words(out: Output, person: Mapping[str, Any]) -> str:
    """A contact for people."""
    decides = out.say("关键决策人", "decides") if person["decides"] else ""
    erased = out.say("已删除", "erased") if person.get("erased") else ""
    who = (person.get("name"), person.get("phone"), person.get("note"), erased)
    return " ".join(word for word in (person["person"], person["position"], decides, *who) if word)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(profile_app, name="profile")
    for command in (contact, knowledge, erase, project, milestone, merge, unmerge):
        app.command()(command)
