"""Points, money, dates and ids: integers inside, words outside.

Points are integers of 1/100 point, money integers of fen (1/100 CNY), shares basis points, dates days since
1970-01-01, months counted from 1970-01. No float is accepted anywhere.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

INTEGER_MAX: Final = 2**63 - 1
DAY_EPOCH: Final = date(1970, 1, 1).toordinal()
DAY_FIRST: Final = 0
DAY_LAST: Final = date(2149, 12, 31).toordinal() - DAY_EPOCH
LINE_LENGTH_MAX: Final = 400
"""Text that may be longer than this, notes and messages, may have lines and tabs; names may not."""
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_CONTROL_SHOWN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINES: Final = re.compile(r"\r?\n|\t")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,24}(\.[0-9]{1,24})?\Z")


def scaled_parse(raw: object, places: int) -> int:
    """A decimal number as an integer of 10^-places, exactly.

    Takes int, Decimal or text such as "461100766.85". Raises ValueError with the reason for a float, a
    boolean, anything that is no plain number, too many decimals, or what does not fit 64 bits.
    """
    if type(raw) is int:
        scaled = raw * 10**places
    elif not isinstance(raw, (str, Decimal)):
        raise ValueError("is not a number written as an integer or as decimal text")
    else:
        text = str(raw).strip() if isinstance(raw, str) else format(raw, "f")
        if not _NUMBER.match(text):
            raise ValueError("is not a plain decimal number")
        whole, _, fraction = text.partition(".")
        fraction = fraction.rstrip("0")
        if len(fraction) > places:
            raise ValueError(f"has more than {places} decimals")
        sign = -1 if whole.startswith("-") else 1
        scaled = sign * (int(whole.lstrip("+-")) * 10**places + int(fraction.ljust(places, "0") or "0"))
    if abs(scaled) > INTEGER_MAX:
        raise ValueError("does not fit 64 bits")
    return scaled


def scaled_text(value: int, places: int) -> str:
    """The decimal text of an integer of 10^-places: `scaled_text(-150, 2) == "-1.50"`."""
    if places == 0:
        return str(value)
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def points_parse(raw: object) -> int:
    """Points as an integer of 1/100 point. Raises ValueError."""
    return scaled_parse(raw, 2)


def points_text(points: int) -> str:
    """Points with two decimals."""
    return f"{points // 100}.{points % 100:02d}" if points >= 0 else scaled_text(points, 2)


def money_text(fen: int) -> str:
    """CNY with two decimals."""
    return scaled_text(fen, 2)


def day_of(value: date) -> int:
    """Days since 1970-01-01."""
    return value.toordinal() - DAY_EPOCH


def date_of(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(day + DAY_EPOCH)


def day_parse(raw: object) -> int:
    """The day number of a date or ISO text (YYYY-MM-DD). Raises ValueError with the reason."""
    if isinstance(raw, str):
        return _day_parse(raw)
    if isinstance(raw, date):
        return _day_checked(raw if type(raw) is date else date(raw.year, raw.month, raw.day))
    raise ValueError("is not a date written as YYYY-MM-DD")


# Facts come in days that repeat, and of customers that do: looking up is a tenth of working out.
@lru_cache(maxsize=4_096)
def _day_parse(text: str) -> int:
    try:
        parsed = date.fromisoformat(text) if len(text) == 10 and text[7] == "-" else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise ValueError("is not a date written as YYYY-MM-DD")
    return _day_checked(parsed)


def _day_checked(parsed: date) -> int:
    day = day_of(parsed)
    if not DAY_FIRST <= day <= DAY_LAST:
        raise ValueError("lies outside 1970 to 2149")
    return day


# What is decided together is recorded at one moment.
@lru_cache(maxsize=4_096)
def day_recorded(recorded_at: str, timezone: str) -> int:
    """The day, in a ledger's time zone, of a moment as events write it: ISO text with offset."""
    return day_of(datetime.fromisoformat(recorded_at).astimezone(ZoneInfo(timezone)).date())


@lru_cache(maxsize=4_096)
def day_text(day: int) -> str:
    """YYYY-MM-DD of a day number."""
    return date_of(day).isoformat()


@lru_cache(maxsize=4_096)
def month_of(day: int) -> int:
    """Months counted from 1970-01 (which is 0)."""
    value = date_of(day)
    return (value.year - 1970) * 12 + value.month - 1


def month_text(month: int) -> str:
    """YYYY-MM of a month number."""
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"


@lru_cache(maxsize=4_096)
def month_parse(text: str) -> int:
    """The month number of YYYY-MM. Raises ValueError with the reason."""
    if len(text) != 7:
        raise ValueError("is not a month written as YYYY-MM")
    try:
        return month_of(day_parse(f"{text}-01"))
    except ValueError:
        raise ValueError("is not a month written as YYYY-MM") from None


@lru_cache(maxsize=4_096)
def month_first_day(month: int) -> int:
    """The first day of a month."""
    return day_of(date(1970 + month // 12, month % 12 + 1, 1))


def month_last_day(month: int) -> int:
    """The last day of a month."""
    return month_first_day(month) + monthrange(1970 + month // 12, month % 12 + 1)[1] - 1


def percent_parse(raw: object) -> int:
    """A percentage as basis points: "120" is 12000. Raises ValueError."""
    return scaled_parse(raw, 2)


@lru_cache(maxsize=65_536)
def customer_id(number: int) -> str:
    """The id of the n-th customer, from 1: "C-000001"."""
    return f"C-{number:06d}"


@lru_cache(maxsize=65_536)
def customer_number(customer: str) -> int:
    """The number in a customer's id; 0 where the text is no such id."""
    if customer.startswith("C-") and customer[2:].isascii() and customer[2:].isdigit() and len(customer) < 20:
        number = int(customer[2:])
        return number if customer == customer_id(number) else 0
    return 0


def text_checked(raw: object, length_max: int) -> str:
    """Text as it may be stored: a str, not empty, within the length, without what `text_fault` refuses.

    Raises ValueError with the reason.
    """
    if not isinstance(raw, str):
        raise ValueError("is not text")
    text = raw.strip()
    # Nothing that is refused can be printed.
    if text.isprintable() and 0 < len(text) <= length_max:
        return text
    if not text:
        raise ValueError("is empty")
    if len(text) > length_max:
        raise ValueError(f"is longer than {length_max} characters")
    fault = text_fault(text, lines=length_max > LINE_LENGTH_MAX)
    if fault is not None:
        raise ValueError(fault)
    return text


def text_fault(text: str, *, lines: bool) -> str | None:
    """Why a text can't be stored, None where it can: NUL and half of a surrogate pair; control characters (C0, C1) and
    overrides of the direction of writing, by which text shows as what it isn't or steers a terminal. `lines`: whether
    it may have lines and tabs."""
    if text.isprintable():
        return None
    if "\0" in text:
        return "contains a NUL character"
    if any(0xD800 <= ord(c) < 0xE000 for c in text):
        return "contains half of a surrogate pair"
    if _CONTROL.search(text if not lines else _LINES.sub("", text)):
        return "contains a control character or an override of the direction of writing; take it out"
    return None


def text_shown(text: str) -> str:
    """Text as a terminal may have it: what would steer it or turn its direction is �, lines and tabs stay."""
    return text if text.isprintable() else _CONTROL_SHOWN.sub("\N{REPLACEMENT CHARACTER}", text)


def decimal_exact(raw: object) -> Decimal:
    """A Decimal from int or text, never from a float. Raises ValueError."""
    if isinstance(raw, bool) or not isinstance(raw, (int, str, Decimal)):
        raise ValueError("is not a number")
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not value.is_finite():
        raise ValueError("is not a finite number")
    return value
