"""The question the demonstration asks: three points for 10,000 CNY instead of two, and every penalty doubled."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import yaml

from ledger.domain.values import points_parse, points_text

CONTRACT_POINTS: Final = 3
PENALTY_FACTOR: Final = 2


def what_if_document(standard: dict[str, Any]) -> dict[str, Any]:
    """The candidate rule set, made of the standard one's document, which is left as it is.

    Raises ValueError where that has no rule that pays by contract amount, so that the question would be empty.
    """
    document = copy.deepcopy(standard)
    document["id"] = "three_points"
    document["title"] = {"zh": "每万元3分，扣分加倍", "en": "Three points per 10,000 CNY, penalties doubled"}
    paid_by_amount = False
    for rule in document["rules"]:
        award = rule["award"]
        if rule["fact"] == "contract_signed" and "per_unit" in award:
            award["per_unit"]["points"] = CONTRACT_POINTS
            paid_by_amount = True
            rule["note"] = {
                "zh": f"每满一万元合同额{CONTRACT_POINTS}分。",
                "en": f"{CONTRACT_POINTS} points for every full 10,000 CNY of the contract.",
            }
        elif _penalties_double(award):
            # The note would still tell the old numbers.
            rule["note"] = {
                "zh": "扣分较标准规则加倍。",
                "en": "Penalties are twice those of the standard rules.",
            }
    if not paid_by_amount:
        raise ValueError(
            "the standard rules pay nothing by contract amount; the demonstration needs such a rule"
        )
    return document


def what_if_write(document: dict[str, Any], path: Path) -> None:
    """Write the candidate as YAML, for `plumbline replay --rules`."""
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _penalties_double(award: dict[str, Any]) -> bool:
    """Double what is below zero in a fixed award, in bands and in a streak; whether there was any."""
    doubled = False
    if "points" in award:
        doubled = _double(award, "points")
    for band in award.get("bands", {}).get("steps", ()):
        doubled |= _double(band, "points")
    if "streak" in award:
        steps = award["streak"]["steps"]
        for i in range(len(steps)):
            doubled |= _double(steps, i)
    return doubled


def _double(holder: Any, key: str | int) -> bool:
    points = points_parse(holder[key])
    if points >= 0:
        return False
    holder[key] = points_text(points * PENALTY_FACTOR).removesuffix(".00")
    return True
