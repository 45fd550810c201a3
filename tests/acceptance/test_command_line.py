"""The commands as people type them, in a process of their own, on real tenders where they are at hand."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger.standard import rules_standard_text
from tests.acceptance.forking import PROGRAM, forks
from tests.homes import home_made

TENDERS = Path(__file__).parents[3] / "shared" / "data" / "tenders"
PLUMBLINE = Path(sys.executable).with_name("plumbline")


@dataclass(frozen=True)
class Done:
    """What a command has said."""

    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def own_home() -> Iterator[Path]:
    """A PLUMBLINE_HOME in which nothing has been started."""
    with home_made("cli") as home:
        yield home


@pytest.fixture(scope="module")
def run(own_home: Path) -> Run:
    """Runs `plumbline` with these arguments."""

    def plumbline(*arguments: str, expect: int = 0) -> Done:
        environment = {**os.environ, "PLUMBLINE_HOME": str(own_home)}
        for name in ("PLUMBLINE_DATABASE_URL", "PLUMBLINE_NATS_URL", "PLUMBLINE_LANGUAGE"):
            environment.pop(name, None)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = forks().start(PROGRAM, arguments, environment, output.fileno(), errors.fileno())
            code = process.wait(180)
            output.seek(0)
            errors.seek(0)
            done = Done(output.read().decode(), errors.read().decode())
        assert code == expect, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done

    return plumbline


@pytest.fixture(scope="module")
def data(run: Run) -> Callable[..., Any]:
    """Runs a command with --json and gives its document."""

    def plumbline(*arguments: str, expect: int = 0) -> Any:
        return json.loads(run(*arguments, "--json", expect=expect).stdout)

    return plumbline


def calculator(path: Path) -> dict[str, Decimal]:
    """What a person with a calculator gets: 2 points for each full 10,000 CNY of every contract, by customer."""
    points: dict[str, Decimal] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            amount = Decimal(row["中标价(元)"])
            if amount >= 10_000:
                points[row["招标人"]] = points.get(row["招标人"], Decimal(0)) + 2 * (amount // 10_000)
    return points


@pytest.mark.skipif(not TENDERS.is_dir(), reason="../shared/data/tenders is not there")
def test_tenders_in_either_encoding_give_what_a_person_with_a_calculator_gets(data: Callable[..., Any]) -> None:
    ledger = ("--ledger", "tenders")
    first = data("import", "tenders", str(TENDERS / "tenders.csv"), *ledger)
    assert (first["read"], first["accepted"], first["duplicates"], len(first["rejected"])) == (380, 365, 0, 15)
    assert all(r["field"] == "中标价(元)" and r["reason"] and r["row"] > 1 for r in first["rejected"])

    found = {c["name"]: Decimal(c["balance"]) for c in data("customers", *ledger)}
    assert found == calculator(TENDERS / "tenders.csv")

    quarantined = data("quarantine", "list", *ledger)
    assert len({row["id"] for row in quarantined}) == len(quarantined) == 15
    again = data("import", "tenders", str(TENDERS / "tenders.gb18030.csv"), *ledger)
    assert (again["accepted"], again["duplicates"], again["position"]) == (0, 365, first["position"])
    assert data("quarantine", "list", *ledger) == quarantined

    assert data("replay", "--recorded", *ledger)["differences"] == 0
    other = data("import", "tenders", str(TENDERS / "tenders.gb18030.csv"), "--ledger", "tenders_gb")
    assert other["accepted"] == 365
    assert {c["name"]: Decimal(c["balance"]) for c in data("customers", "--ledger", "tenders_gb")} == found


FACTS = """fact_type,external_id,customer,occurred,customer_name,industry,region,amount,severity
contract_signed,1,k1,2024-01-05,甲路桥,transport,hubei,25000.00,
contract_signed,2,k2,2024-01-09,乙水利,water,hunan,1000000.00,
complaint_filed,3,k1,2024-02-01,,,,,major
complaint_filed,4,k2,2024-02-01,,,,,grave
"""


def test_a_week_of_work_from_import_to_what_if(run: Run, data: Callable[..., Any], tmp_path: Path) -> None:
    facts, rules = tmp_path / "facts.csv", tmp_path / "rules.yaml"
    facts.write_text(FACTS, "utf-8")
    rules.write_text(rules_standard_text().replace('unit: "10000", points: 2', 'unit: "10000", points: 3'), "utf-8")

    report = data("import", "facts", str(facts))
    assert (report["accepted"], len(report["rejected"])) == (3, 1)
    assert report["rejected"][0]["row"] == 5
    # 25,000 CNY: 2 full units × 2 = 4, a major complaint −30: −26. 1,000,000 CNY: 100 units × 2 = 200.
    assert {c["name"]: c["balance"] for c in data("customers")} == {"甲路桥": "-26.00", "乙水利": "200.00"}

    history = data("history", "C-000001")
    assert [e["position"] for e in history] == sorted(e["position"] for e in history)
    assert [e["points"] for e in history if e["points"]] == ["4.00", "-30.00"]
    assert all(e["explanation"]["zh"] and e["explanation"]["en"] and e["actor"] for e in history)
    assert data("history", "customers:k1") == history

    what_if = data("replay", "--rules", str(rules), "--customer", "customers:k2")
    # k1: 2 × 3 − 30 = −24; k2: 100 × 3 = 300. Liability counts what is outstanding: 200 and 300 points at 0.05 CNY.
    assert what_if["facts"] == 3 and what_if["customers_changed"] == 2
    assert (what_if["recorded"]["granted"], what_if["candidate"]["granted"]) == ("204.00", "306.00")
    assert (what_if["recorded"]["liability_cny"], what_if["candidate"]["liability_cny"]) == ("10.00", "15.00")
    assert what_if["customer"] == "C-000002"
    assert [(c["points"], c["points_candidate"]) for c in what_if["changes"]] == [("200.00", "300.00")]
    assert what_if["run_id"] == data("replay", "--rules", str(rules), "--threads", "1")["run_id"]
    assert what_if["digest"] == data("replay", "--rules", str(rules), "--threads", "1")["digest"]

    assignment = tmp_path / "assignment.yaml"
    assignment.write_text("terms: {follow_up_days: 7}\n", "utf-8")
    both = data("replay", "--rules", str(rules), "--assignment-rules", str(assignment))
    assert both["digest"] == what_if["digest"] and both["run_id"] != what_if["run_id"]
    alone = data("replay", "--assignment-rules", str(assignment))
    assert (alone["customers_changed"], alone["digest"]) == (0, alone["digest_recorded"])

    proposed = data("rules", "propose", str(rules), "--actor", "ann")["rule_set"]
    assert data("rules", "approve", proposed, "--actor", "ann", expect=1)["error"]["code"] == "RULESET_SELF_APPROVAL"
    assert data("rules", "activate", proposed, "--from", "2024-03-01", expect=1)["error"]["code"] == "RULESET_NOT_APPROVED"
    data("rules", "approve", proposed, "--run", what_if["run_id"], "--actor", "ben")
    data("rules", "activate", proposed, "--from", "2024-03-01", "--actor", "ben")
    assert data("rules", "show")["rules"][0]["award"]["per_unit"]["points"] == 3
    march = data("record", "contract_signed", "C-000002", "amount=20000", "--id", "9", "--occurred", "2024-03-02")
    february = data("record", "contract_signed", "C-000002", "amount=20000", "--id", "10", "--occurred", "2024-02-02")
    assert (march["points"], february["points"]) == ("6.00", "4.00")

    assert data("close", "--through", "2026-01-31")["closed_through"] == "2026-01-31"
    # Of January 2024: 200 points of k2 expire after 24 months. k1's 4 were taken by the complaint.
    assert {c["name"]: c["balance"] for c in data("customers")} == {"甲路桥": "-26.00", "乙水利": "10.00"}
    assert data("close", "--through", "2026-01-31")["events"] == 0
    assert data("replay", "--recorded")["differences"] == 0

    [row] = data("quarantine", "list")
    mended = tmp_path / "mended.yaml"
    mended.write_text(f"{row['id']}: {{severity: minor}}\n", "utf-8")
    retried = data("quarantine", "retry", "--set", str(mended))
    assert (retried["accepted"], data("quarantine", "list")) == (1, [])
    [told] = data("quarantine", "list", "--all")
    assert told["raw"] == {} and told["resolution"].endswith("; with other cells in severity")
    assert data("quarantine", "purge", str(row["id"]), "--dry-run") == {"purged": [row["id"]], "dry_run": True}
    assert data("quarantine", "purge", "--open-days", "0") == {"purged": [], "dry_run": False}
    # February 2024 is closed: the complaint is booked on 2026-02-01 and takes 5 points.
    last = data("history", "C-000002")[-2:]
    assert [(e["event"], e["booked_on"]) for e in last] == [("FactRecorded", "2026-02-01"), ("PointsDeducted", "2026-02-01")]

    for view in ("customers", "balances", "tiers", "history", "columns"):
        before = data("customers")
        data("rebuild", view)
        assert data("customers") == before
    assert data("replay", "--recorded")["differences"] == 0


def test_what_is_wrong_is_said_in_a_sentence_with_exit_code_1(run: Run, data: Callable[..., Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: x\nid: y\n", "utf-8")
    empty = tmp_path / "empty.yaml"
    empty.write_text("", "utf-8")
    for arguments, code in (
        (["history", "C-999999"], "CUSTOMER_UNKNOWN"),
        (["import", "tenders", "nowhere.csv"], "FILE_MISSING"),
        (["rules", "check", str(broken)], "DOCUMENT_INVALID"),
        (["close", "--through", "2100-01-01"], "DAY_NOT_OVER"),
        (["close", "--through", "yesterday"], "DATE_INVALID"),
        (["replay"], "USAGE"),
        (["replay", "--recorded", "--assignment-rules", str(empty)], "USAGE"),
        (["replay", "--assignment-rules", str(empty), "--from", "2026-01-01"], "USAGE"),
        (["replay", "--assignment-rules", str(empty)], "DOCUMENT_INVALID"),
        (["customers", "--ledger", "nobody"], "LEDGER_UNKNOWN"),
        (["record", "login", "C-000001", "--occurred", "2024-13-01"], "FACT_INVALID"),
    ):
        error = data(*arguments, expect=1)["error"]
        assert error["code"] == code and error["reason"]
        said = run(*arguments, expect=1)
        assert code in said.stderr and "Traceback" not in said.stderr
    chinese = run("history", "C-999999", "--language", "zh", expect=1).stderr
    assert chinese.startswith("CUSTOMER_UNKNOWN 没有这个客户。核对客户编号；新客户请先登记。\nthere is no customer C-999999")
    assert data("history", "C-999999", "--language", "zh", expect=1)["error"]["title"] == "没有这个客户"


def test_a_command_that_is_none_is_said_in_a_sentence_with_exit_code_2(run: Run, data: Callable[..., Any]) -> None:
    for arguments in (["nonsense"], ["serve", "--port", "abc"], ["replay", "--threads"]):
        said = run(*arguments, expect=2)
        assert "USAGE" in said.stderr and "Traceback" not in said.stderr
        assert data(*arguments, expect=2)["error"]["code"] == "USAGE"


def test_status_says_with_its_exit_code_whether_all_servers_run(run: Run, own_home: Path) -> None:
    run("up")
    # Once as it is installed: all others begin where its imports have ended.
    environment = {**os.environ, "PLUMBLINE_HOME": str(own_home)}
    done = subprocess.run([str(PLUMBLINE), "status"], env=environment, text=True, capture_output=True, check=True)
    assert done.stdout == run("status").stdout and "running" in done.stdout
    run("down")
    run("status", expect=1)


def test_a_crm_is_taken_over_by_its_files(data: Callable[..., Any], run: Run, tmp_path: Path) -> None:
    def written(name: str, *rows: str) -> str:
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n", "utf-8")
        return str(path)

    ledger = ("--ledger", "crm")
    teams = written("teams.csv", "sales_agent,manager,regional_office", "甲,乙,East", "丙,乙,East")
    accounts = written(
        "accounts.csv", "account,sector,year_established,revenue,employees,office_location,subsidiary_of",
        "某某建设,technolgy,1999,1.5,12,East,",
    )  # fmt: skip
    sold = written(
        "sold.csv", "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value",
        "A2,丙,MG,某某建设,Engaging,2020-03-01,,", "A1,甲,GTXPro,某某建设,Won,2020-01-02,2020-02-03,500",
        "A3,甲,MG,,Engaging,2020-01-03,,",
    )  # fmt: skip
    assert data("import", "sales_teams", teams, *ledger)["became"] == {"staff": 3, "team": 1}
    assert data("import", "accounts", accounts, *ledger)["became"] == {"customer": 1, "profile": 1}
    tried = data("import", "opportunities", sold, "--dry-run", *ledger)
    assert (tried["accepted"], tried["became"], len(tried["rejected"])) == (2, {"opportunity": 2}, 1)
    outcomes = tmp_path / "became.csv"
    report = data("import", "opportunities", sold, "--outcomes", str(outcomes), *ledger)
    assert (report["accepted"], report["became"]) == (2, {"opportunity": 2})
    assert [(r["row"], r["field"]) for r in report["rejected"]] == [(4, "account")]
    with outcomes.open(encoding="utf-8-sig", newline="") as file:
        told = {row["row"]: row["became"] for row in csv.DictReader(file)}
    # By the day on which they began: the third row's is the first.
    assert told == {"3": "opportunity:O-000001", "2": "opportunity:O-000002"}
    won, begun = sorted(data("opportunity", "list", *ledger), key=lambda o: o["opportunity"])
    assert (won["opened_on"], won["stage"], won["name"]) == ("2020-01-02", "won", "GTX Pro")
    assert (begun["opened_on"], begun["stage"]) == ("2020-03-01", "qualified")
    assert [o["owner"] for o in data("owners", *ledger)] == ["S-000002"]
    [waiting] = data("quarantine", "list", *ledger)
    mended = written("mended.yaml", f"{waiting['id']}: {{account: 某某建设}}")
    assert data("quarantine", "retry", str(waiting["id"]), "--set", mended, *ledger)["accepted"] == 1
    again = data("import", "opportunities", sold, *ledger)
    assert (again["accepted"], again["duplicates"]) == (0, 2)

    run("staff", "absent", "S-000002", "--from", "2090-01-01", "--to", "2090-01-05", *ledger)
    run("staff", "absent-cancel", "S-000002", "--from", "2090-01-01", *ledger)
    run("staff", "absent-cancel", "S-000002", "--from", "2090-01-01", *ledger, expect=1)
    run("staff", "leave", "S-000002", "--on", "2090-01-01", *ledger)
    run("staff", "leave-cancel", "S-000002", *ledger)
    [kept] = [s for s in data("staff", "list", *ledger) if s["staff"] == "S-000002"]
    assert kept["last_day"] is None

    data("lead", "r-1", "--name", "某某建设", "--staff", "S-000001", *ledger)
    [collision] = data("collisions", "--all", *ledger)
    evidence = data("collision-evidence", collision["collision"], *ledger)
    assert [e["side"] for e in evidence if e["event"] in ("OpportunityOpened", "LeadArrived")][-1] == "asker"
    assert run("collision-evidence", collision["collision"], "--language", "zh", *ledger).stdout
    run("collision-evidence", collision["collision"], "--as", "S-000002", *ledger, expect=1)
    run("collision-evidence", "X-999999", *ledger, expect=1)


def test_what_people_see_of_customers_is_in_their_words_and_their_time(
    run: Run, data: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = ("--ledger", "words")

    def chinese(*arguments: str) -> str:
        return run(*arguments, "--language", "zh", *ledger).stdout

    run("team", "declare", "east", "--name", "华东组", "--region", "华东", *ledger)
    for number in ("1", "2"):
        run("staff", "enrol", number, "--name", f"顾问{number}", "--team", "east", *ledger)
    assert "业务员" in chinese("staff", "list") and "seller" not in chinese("staff", "list")
    run("lead", "l1", "--name", "江苏省交通厅", "--region", "华东", "--staff", "S-000001", *ledger)
    said = chinese("lead", "l2", "--name", "江苏交通厅", "--phone", "13977778888", "--staff", "S-000002")
    assert "这疑似团队 east 的客户，仍归其所有" in said or "这疑似团队 east 的客户，归属待经理裁定" in said
    run("lead", "l4", "--name", "庚辛公司", *ledger)
    pool = chinese("pool")
    assert "没有合适的人选" in pool and "no_candidate" not in pool
    assert "相近名称 98" in chinese("collisions")
    assert run("lead", "l3", "--name", "甲乙公司", "--phone", "abc", *ledger, expect=1).stderr.startswith("PERSON_PHONE_INVALID")

    # Times are those of the books; they were made here, where it is Shanghai's.
    [collision] = data("collisions", *ledger)
    evidence = data("collision-evidence", collision["collision"], *ledger)
    assert evidence and all(e["recorded_at"].endswith("+08:00") for e in evidence)
    shown = chinese("collision-evidence", collision["collision"])
    assert all(e["recorded_at"][:16].replace("T", " ") in shown for e in evidence)
    assert "进入公海：撞单待裁定" in shown
    [changed] = data("why", "C-000001", *ledger)
    assert changed["recorded_at"].endswith("+08:00")
    assert changed["recorded_at"][:10] in chinese("why", "C-000001")

    assert "P-000003 13977778888" in chinese("profile", "show", "C-000002")
    run("contact", "C-000002", "--name", "李工", "--position", "总工", "--decides", *ledger)
    assert "P-000004 总工 关键决策人 李工" in chinese("profile", "show", "C-000002")
    run("erase", "P-000004", "--reason", "本人要求", *ledger)
    assert "P-000004 总工 关键决策人 已删除" in chinese("profile", "show", "C-000002")
    assert "P-000004 总工 decides erased" in run("profile", "show", "C-000002", *ledger).stdout

    # Rules that name nobody.
    section = {
        "rules": [
            {"id": "r", "title": {"zh": "某某", "en": "r"}, "candidates": {"teams": ["east", "nosuchteam"]}, "choose": {"named": ["S-000999"]}}
        ],
        "fallback": {"team": "nope"},
    }
    places = ["assignment.rules.0.candidates.teams.1", "assignment.rules.0.choose.named.0", "assignment.fallback.team"]
    whole, part = tmp_path / "whole.yaml", tmp_path / "part.yaml"
    whole.write_text(yaml.safe_dump({**yaml.safe_load(rules_standard_text()), "assignment": section}), "utf-8")
    part.write_text(yaml.safe_dump(section), "utf-8")
    for arguments in (("rules", "check", str(whole)), ("replay", "--assignment-rules", str(part)), ("replay", "--rules", str(whole))):
        assert [w["field"] for w in data(*arguments, *ledger)["warnings"]] == places
        told = chinese(*arguments)
        assert all(place in told for place in places) and "账套中没有这个团队" in told
    replayed = chinese("replay", "--assignment-rules", str(part))
    assert not any(word in replayed for word in ("arrival", "claim", "CustomerClaimed"))
    whole.write_text("just words", "utf-8")
    assert "must have named members" in run("rules", "check", str(whole), *ledger, expect=1).stderr


def test_points_are_redeemed_on_the_command_line(run: Run, tmp_path: Path) -> None:
    catalogue = {
        "offers": [
            {"id": "cash", "kind": "offset", "title": {"zh": "抵扣工程款", "en": "Off a payment"},
             "steps": [{"points": 10, "money": "0.50"}, {"points": 100, "money": 6}]},
            {"id": "pen", "kind": "gift", "title": {"zh": "笔", "en": "Pen"}, "points": 5},
        ],
        "entitlements": [
            {"id": "priority_quotation", "stage": "bidding", "title": {"zh": "优先报价权", "en": "Priority quotation"},
             "reason": {"zh": "余额满100分", "en": "from 100 points on"}, "when": {"balance": True, "at_least": 20}, "uses": {"times": 2, "window": "year"}},
        ],
    }  # fmt: skip
    file = tmp_path / "rules.json"
    document = {**yaml.safe_load(rules_standard_text()), "redemption": catalogue}
    file.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    ledger = ("--ledger", "shop", "--json")
    run("ledgers", "create", "shop")
    proposed = json.loads(run("rules", "propose", str(file), "--actor", "ann", *ledger).stdout)
    name = proposed.get("id") or proposed["rule_set"]
    run("rules", "approve", name, "--actor", "bob", *ledger)
    run("rules", "activate", name, "--from", "2020-01-01", "--actor", "ann", *ledger)
    run("customer", "register", "K-1", "--name", "华东建设", *ledger)
    for i in range(3):
        run("record", "project_completed", "C-000001", "--id", f"p{i}", *ledger)

    told = run("catalogue", "--ledger", "shop", "--language", "zh").stdout
    assert "抵扣：10分起抵0.50元，100分起抵6元" in told.replace("\n", "") and "预留14天" in told
    quote = json.loads(run("redeem", "quote", "C-000001", "--offer", "cash", "--points", "120", *ledger).stdout)
    assert (quote["money"], quote["available"], quote["possible"]) == ("7.20", "150.00", True)
    asked = ("redeem", "quote", "C-000001", "--offer", "pen", "--quantity", "40", "--ledger", "shop")
    told = run(*asked, "--language", "zh").stdout.replace("\n", "")
    assert "库存可用0件，缺40件" in told and "需200.00分，可用150.00分，缺50.00分" in told
    refused = run("redeem", "reserve", "C-000001", "--offer", "cash", "--points", "200", *ledger, expect=1)
    assert "POINTS_INSUFFICIENT" in refused.stdout + refused.stderr
    held = json.loads(run("redeem", "reserve", "C-000001", "--offer", "cash", "--points", "120", *ledger).stdout)
    assert held["id"] == "R-000001"
    committed = run("redeem", "commit", "R-000001", "--points", "100", "--reference", "INV-1", *ledger[:2]).stdout
    assert "R-000001 recorded" in committed and "120.00 points, worth 7.20 CNY; 20.00 held until 20" in committed
    assert "100.00 spent; 30.00 left to spend" in committed.replace("\n", " ")
    voided = run("redeem", "void", "R-000001", "--reason", "no need", "--language", "zh", *ledger[:2]).stdout
    assert "120.00分，抵7.20元；已兑付100.00分；已释放20.00分；尚可用50.00分" in voided.replace("\n", "")
    run("redeem", "reverse", "R-000001", "--reason", "half", "--points", "50", *ledger)
    shown = json.loads(run("redeem", "show", "R-000001", *ledger).stdout)
    assert (shown["state"], shown["spent"], shown["freed"], shown["returned"]) == ("committed", "100.00", "20.00", "50.00")
    # 120 points are 7.20 CNY; 100 of them 6.00, of which half came back.
    assert [(p["money"], p["money_returned"]) for p in shown["parts"]] == [("6.00", "3.00")]
    run("stock", "move", "pen", "--quantity", "2", "--reason", "delivered", *ledger)
    run("redeem", "reserve", "C-000001", "--offer", "pen", *ledger)
    assert json.loads(run("stock", "list", *ledger).stdout)[0]["free"] == 1
    assert [r["redemption"] for r in json.loads(run("redeem", "list", *ledger).stdout)] == ["R-000002", "R-000001"]
    [entitled] = json.loads(run("entitlements", "C-000001", "--stage", "bidding", *ledger).stdout)
    assert entitled["entitled"] is True
    use = ("entitlements", "C-000001", "--stage", "bidding", "--use", "priority_quotation", *ledger)
    run(*use, "--reference", "T-1")
    run(*use, "--reference", "T-2")
    assert "LIMIT_REACHED" in run(*use, expect=1).stdout
    [entitled] = json.loads(run("entitlements", "C-000001", *ledger).stdout)
    assert (entitled["times"], entitled["window"], entitled["used"], entitled["left"]) == (2, "year", 2, 0)
    [used, _] = json.loads(run("entitlements", "--uses", *ledger).stdout)
    assert (used["customer"], used["stage"], used["reference"]) == ("C-000001", "bidding", "T-2")
    assert "T-1" in run("entitlements", "C-000001", "--uses", "--ledger", "shop", "--language", "zh").stdout
    run("entitlements", *ledger, expect=1)
    history = run("history", "C-000001", "--ledger", "shop").stdout
    assert "R-000001: part 1 fulfilled" in history.replace("\n", " ")
    assert json.loads(run("replay", "--recorded", *ledger).stdout)["differences"] == 0
