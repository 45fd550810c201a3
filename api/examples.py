"""Examples of answers for the OpenAPI document, made of their schemas: what a member is called tells what it holds."""

from __future__ import annotations

from typing import Any, Final, cast

from api.examples_relations import EXAMPLES
from api.examples_webhooks import EXAMPLES as EXAMPLES_WEBHOOKS

_WORDS: Final = {"zh": "签订合同", "en": "Contract signed"}
_DAY, _MONTH, _TIME = "2026-01-17", "2026-01", "2026-01-17T10:24:03.512+08:00"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    "FactType": {"id": "site_visited", "title": {"zh": "现场回访", "en": "Site visited"}},
    **EXAMPLES,
    **EXAMPLES_WEBHOOKS,
    "AssignmentRules": {
        "rules": [
            {
                "id": "east", "title": {"zh": "华东客户归一部", "en": "The east to team one"},
                "when": {"customer": "region", "equals": "east"}, "candidates": {"teams": ["one"]},
                "choose": {"least_loaded": {}}, "protection_days": 30, "follow_up_days": 15,
            },
        ],
    },
    "FileMapping": {
        "id": "erp_contracts", "title": {"zh": "合同", "en": "Contracts"}, "source": "erp",
        "columns": {
            "number": {"type": "text", "headers": ["id"], "length_max": 100},
            "buyer": {"type": "text", "headers": ["customer"], "length_max": 100},
            "signed": {"type": "date", "headers": ["signed"], "formats": ["%Y-%m-%d"]},
            "amount": {"type": "number", "headers": ["amount"]},
        },
        "customer": {"reference": {"column": "buyer"}},
        "fact": {
            "type": {"constant": "contract_signed"}, "occurred": {"column": "signed"},
            "external_id": {"column": "number"}, "attributes": {"amount": {"column": "amount"}},
        },
    },
    "ReplayOwnerBody": {
        "customer": "C-000001", "name": "华东建设集团", "owner": "S-000001", "why": "arrival", "rule": "east",
        "owner_then": None, "why_then": "arrival", "rule_then": "",
    },
    "RuleSet": {
        "id": "visits", "title": {"zh": "回访规则", "en": "Visits"}, "expiry_months": 24,
        "rules": [
            {"id": "login", "title": {"zh": "登录", "en": "Login"}, "fact": "login", "award": {"points": "1"}},
        ],
    },
}  # fmt: skip
"""Examples of whole documents and rows, by schema."""

VALUES: Final[dict[str, Any]] = {
    # who and what
    "customer": "C-000001", "name": "华东建设集团", "region": "east", "industry": "housing",
    "customer_type": "state_owned", "scale": "large", "source": "crm", "reference": "K-77", "consents": ["publication"],
    "registered": 6, "actor": "wang.li", "created_by": "admin", "proposed_by": "wang.li", "approved_by": "zhang.min",
    "role": "service", "secret": "plk_q3Jm0vVZ1W0w5Hc2tH9yBq8oXkq4eXr1yLz6u7aN5sE", "ledger": "main",
    "ledgers": ["main"], "timezone": "Asia/Shanghai", "purpose": "publication",
    # the log
    "position": 42, "position_first": 41, "position_last": 42, "position_head": 42, "positions": [41, 42],
    "tags_position": 42, "grade_position": 42, "cause": 41, "version": 1, "stream": "C-000001",
    "event": "PointsGranted", "events": 12, "proposed": 3, "approved": 4, "reversed_at": None, "behind": 0,
    # facts, rules, standing
    "fact_type": "contract_signed", "rule": "contract_signed", "rule_set": "RS-0001", "title": _WORDS, "clause": {
        "zh": "每签约满1万元得2分", "en": "2 points for every full 10,000 CNY of amount",
    }, "explanation": {"zh": "签订合同：得40.00分", "en": "Contract signed: 40.00 points"},
    "method": {"zh": "30天内投诉至少3次", "en": "at least 3 complaints within 30 days"},
    "arithmetic": {"base": 4000, "units": 20, "weight_bp": 10000, "tier_bp": 10000},
    "tier": "gold", "tier_candidate": "gold", "tier_title": {"zh": "金牌", "en": "Gold"}, "tier_next": "platinum",
    "tag": "strategic", "tags": ["strategic"], "grade": "a", "kind": "points_plunge", "part": "rules", "run": None,
    "active_from": ["1970-01-01"], "in_force": True, "rule_sets": 1, "fact_types": 12, "sha256": _SHA256,
    "zh": "修改规则“签订合同”", "en": "changes the rule “Contract signed”", "old": "RS-0001", "new": "RS-0002",
    "href": "/v1/schemas/rule-set",
    # times
    "occurred_at": _DAY, "recorded_at": _TIME, "booked_on": _DAY, "created_at": _TIME, "started_at": _TIME,
    "finished_at": None, "updated_at": _TIME, "expires_at": None, "expires_on": "2028-01-31", "revoked_at": None,
    "last_used_at": _TIME, "resolved_at": None, "last_active_on": _DAY, "since": _DAY, "closed_through": "2025-12-31",
    "as_of": None, "as_known_at": None, "effective_from": "2026-03-01", "effective_to": "2026-05-31",
    "window_from": "2026-01-01", "window_to": "2026-12-31", "review_on": "2026-12-31", "month": _MONTH,
    "period_from": _MONTH, "period_to": "2026-03",
    # figures
    "points": "40.00", "points_missing": "460.00", "earned": "40.00", "value": "1200000.00", "compared": "300.00",
    "contribution": "1200000.00", "count": 1, "rank": 1, "customers": 128, "awards": 96, "active": 96,
    "activity_percent": "75.00", "signing": 20, "returning": 12, "repeat_percent": "60.00", "contracts": 24,
    "top_tenth_percent": "41.20", "projects": 9, "complaints": 3, "complaints_major": 1, "complaint_percent": "3.12",
    "responses": 3, "response_hours_average": "1.5", "response_prompt_percent": "66.66", "answers": 40,
    "satisfaction_average": "4.3", "satisfaction_percent": "85.00", "scores": 9, "score_average": "92.1",
    # redemptions
    "offer": "workwear", "variant": "xl", "quantity": 2, "money": "50.00", "hold_days": 14, "valid_days": 0,
    "words": {"zh": "礼品：40分／每份", "en": "gift: 40 points, each"}, "supplier": "华东制衣",
    "delivery": {"zh": "送到项目部", "en": "To the site office"},
    "tiers": ["gold"], "open": True, "multiple_of": None, "unit": None, "units": 40, "window": "year",
    "conditions": {"zh": "限金牌；预留14天", "en": "for Gold; held for 14 days"},
    "on_hand": 50, "free": 48, "redemption": "R-000001", "held_until": "2026-01-31", "project": "J-000007",
    "freed": "0.00", "spent": "40.00", "returned": "0.00", "valid_until": None, "quantity_returned": 0,
    "money_returned": "0.00", "possible": False, "code": "POINTS_INSUFFICIENT", "entitlement": "priority_quotation",
    "stage": "bidding", "entitled": True, "lacking": [], "times": 4, "used": 1, "left": 3, "missing": "40.00",
    "sentence": {
        "zh": "需80.00分，可用40.00分，缺40.00分", "en": "costs 80.00 points, 40.00 can be spent: 40.00 are missing",
    },
    # commands, jobs, files
    "id": "HT-2026-0117", "status": "accepted", "state": "done", "progress_done": 8, "progress_of": 8, "error": None,
    "request": {"rule_set": "RS-0002", "day_from": None}, "result": {"run_id": "what-if-7f3a91", "digest": _SHA256},
    "file": "facts.csv", "row": 7, "field": "amount", "reason": "is not a plain number", "mapping": "facts",
    "raw": {"external_id": "HT-2026-0117", "amount": "1,2 Mio"}, "resolution": None, "retried": 1, "accepted": 1,
    "duplicates": 0, "corrected": 0, "dismissed": [7], "dry_run": False, "view": "balances",
    "ready": True, "parts": {"database": True, "nats": True, "writer main": True, "follower main": True},
    "next": None, "previous": None, "has_more": False, "closed": False, "merged_into": None, "members": ["C-000002"],
}  # fmt: skip
"""What stands in members of these names."""

MEMBERS: Final[dict[tuple[str, str], Any]] = {
    ("OfferBody", "kind"): "gift", ("OfferBody", "title"): {"zh": "定制工装", "en": "Workwear"},
    ("PriceBody", "title"): {"zh": "XL", "en": "XL"}, ("RedemptionBody", "kind"): "gift",
    ("RedemptionBody", "state"): "committed", ("RedemptionBody", "money"): "0.00",
    ("RedemptionBody", "reference"): "slip 17",
    ("PartBody", "part"): 1, ("PartBody", "money"): "0.00", ("PartBody", "reference"): "slip 17",
    ("StockBody", "held"): 2, ("QuoteBody", "kind"): "gift", ("QuoteBody", "money"): "0.00",
    ("ObstacleBody", "reason"): "costs 80.00 points, 40.00 can be spent: 40.00 are missing",
    ("EntitlementBody", "window"): "year", ("EntitlementUseBody", "reference"): "T-2026-09",
    ("ObstacleBody", "field"): "points",
    ("EntitlementBody", "title"): {"zh": "优先报价", "en": "Priority quotation"},
    ("EntitlementBody", "reason"): {"zh": "金牌及以上客户", "en": "customers from gold on"},
    ("EventBody", "state"): {
        "rule": "contract_signed", "points": 4000, "cause": 41, "actor": "wang.li", "recorded_at": _TIME,
    },
    ("RehearsedEvent", "state"): {"rule": "contract_signed", "points": 4000, "cause": 42},
    ("CampaignBody", "rule"): "spring_login", ("CampaignDetail", "rule"): "spring_login",
    ("JobBody", "id"): "J-5f2c9d1a7b3e4f60", ("KeyBody", "id"): "K-5f2c9d1a7b3e4f60",
    ("KeyCreatedBody", "id"): "K-5f2c9d1a7b3e4f60", ("QuarantineRowBody", "id"): 7, ("StillRefused", "id"): 7,
    ("ResolvedRow", "id"): 6, ("ResolvedRow", "resolution"): "accepted at position 42 by wang.li",
    ("ChangeBody", "kind"): "changed", ("ChangeBody", "id"): "contract_signed",
    ("StandingBody", "kind"): "tier", ("StandingBody", "name"): "gold",
    ("SchemaBody", "name"): "rule-set", ("RuleSetBody", "state"): "active", ("RuleSetDetail", "state"): "active",
    ("ViewBody", "status"): "running", ("MappingBody", "title"): {"zh": "事实", "en": "Facts"},
    ("CampaignBody", "title"): {"zh": "春季登录", "en": "Spring logins"},
    ("CampaignDetail", "title"): {"zh": "春季登录", "en": "Spring logins"},
    ("TagBody", "title"): {"zh": "战略客户", "en": "Strategic"}, ("LevelBody", "title"): {"zh": "金牌", "en": "Gold"},
    ("StandingBody", "title"): {"zh": "金牌", "en": "Gold"}, ("AlertBody", "value"): "120.00",
    ("KeyBody", "staff"): None, ("KeyCreatedBody", "staff"): None, ("KeyAskedBody", "staff"): None,
    ("LeadCheckBody", "taken"): True, ("LeadCheckBody", "code"): "COLLISION_FOUND",
    ("ViewBody", "followed"): True, ("RehearsalBody", "dry_run"): True, ("TotalsBody", "events"): 12,
}  # fmt: skip
"""Where a member of a model holds something else."""


class ExampleMissing(LookupError):
    """A member of which nothing says what stands in it."""


class Examples:
    """Makes examples from the schemas of one OpenAPI document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def of(self, schema: dict[str, Any], model: str = "", member: str = "") -> Any:
        """An example of a schema, which stands in a member of a model. Raises ExampleMissing."""
        reference = schema.get("$ref", "")
        if reference:
            name = reference.rpartition("/")[2]
            return DOCUMENTS[name] if name in DOCUMENTS else self.of(self._schemas[name], name)
        if (model, member) in MEMBERS:
            return MEMBERS[model, member]
        if schema.get("examples"):
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        composed = [form for form in schema.get("anyOf", []) if "$ref" in form]
        if composed:
            return self.of(composed[0], model, member)
        if schema.get("type") == "array" and (member not in VALUES or "$ref" in schema["items"]):
            return [self.of(schema["items"], model, member)]
        if "properties" in schema:
            name = schema.get("title", model)
            members = cast(dict[str, dict[str, Any]], schema["properties"])
            return {m: self.of(part, model or name, m) for m, part in members.items()}
        if member not in VALUES:
            raise ExampleMissing(f"{model}.{member}")
        return VALUES[member]
