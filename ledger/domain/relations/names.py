"""Names of firms and projects, credit codes and phone numbers in one form each, however they were typed.

A registered name is taken apart into its *core*, which tells firms apart, and its *branch*, which says what part of the
firm it is. Width and case of letters, traditional characters, spaces, brackets and legal forms (有限公司,
股份有限公司, 集团 …) make no difference to either; a region in front stays, because 上海振华 and 北京振华 are two
firms.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from ledger.domain.relations.places import REGIONS, region_of
from ledger.domain.relations.variants import simple

_NUMERALS: Final = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖十拾百"
_DIGITS: Final = {
    "零": 0, "〇": 0, "一": 1, "壹": 1, "二": 2, "两": 2, "贰": 2, "三": 3, "叁": 3, "四": 4, "肆": 4, "五": 5, "伍": 5,
    "六": 6, "陆": 6, "七": 7, "柒": 7, "八": 8, "捌": 8, "九": 9, "玖": 9,
}  # fmt: skip

_LEGAL: Final = (
    "股份有限责任公司", "有限责任公司", "股份有限公司", "有限公司", "集团公司", "股份公司", "总公司", "有限合伙",
    "集团", "股份",
)  # fmt: skip
_LEGAL_LATIN: Final = re.compile(
    r"[\s,.]+(?:co|ltd|limited|inc|incorporated|corp|corporation|company|group|llc|plc|gmbh)[\s,.]*$"
)
_PARTS: Final = (
    "分公司", "支公司", "分部", "分院", "分厂", "办事处", "代表处", "项目经理部", "项目部", "经理部", "事业部",
)  # fmt: skip
# A part of a firm that is named after the firm: 甲建设有限公司上海分公司.
_PART: Final = re.compile(f"(?P<firm>.+(?:公司|集团|局|院|厂|中心))(?P<part>.{{1,20}}?)(?:{'|'.join(_PARTS)})$")
# A numbered part: 第八工程局, 八局, 第二工程(公司), 第二分(公司).
_NUMBERED: Final = re.compile("(?P<firm>.{2,}?)(?:第(?P<a>[0-9]+)(?:工程)?|(?P<b>[0-9]+))(?P<kind>局|处|队)$")
_NUMBERED_PLAIN: Final = re.compile("(?P<firm>.{2,})第(?P<number>[0-9]+)(?:工程|分公司|工程分公司|工程公司)?$")
_COUNTED: Final = re.compile(
    f"(?<=第)[{_NUMERALS}]{{1,5}}|[{_NUMERALS}]{{1,5}}(?=局|处|队|公司|分公司|期|标|区|号|座|栋|段)"
)
_NUMERAL: Final = re.compile(f"[{_NUMERALS}]")
_DIGIT: Final = re.compile("[0-9]")
_DIGITS_RUN: Final = re.compile("[0-9]+")
_PROJECT_END: Final = re.compile("(?:建设|施工|总承包|epc)*(?:工程|项目)(?:施工|总承包|epc)*$")
_LEFT_OUT: Final = re.compile(
    "[" + re.escape(" \t\r\n\v\f()[]{}<>《》〈〉【】「」『』〔〕,.;:，。；：、·・•-_—–'\"“”‘’/\\|&+") + "]+"
)

_REGION_END: Final = re.compile(f"(?P<firm>.{{2,}}?)(?P<part>(?:{'|'.join(sorted(REGIONS))})[省市]?)$")
_GENERIC: Final = re.compile(
    "建设|建筑|建工|工程|集团|市政|路桥|公路|桥梁|隧道|施工|实业|发展|投资|置业|房地产|地产|开发|科技|技术|咨询|设计"
    "|监理|安装|装饰|装修|园林|水利|水电|电力|交通|城市|城乡|基础设施|控股|管理|服务|贸易|材料|环境|环保|总承包|国际"
    "|中国|省|市"
)

CREDIT_CODE_LENGTH: Final = 18
_CREDIT_CODE: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_VALUES: Final = {character: value for value, character in enumerate(_CREDIT_CODE)}


class FirmName(NamedTuple):
    """A registered name taken apart; two names with the same parts are the same name."""

    core: str
    branch: str = ""
    """The part of the firm, "" for the firm itself: "上海", "8局", "1局2"."""
    is_group: bool = False
    """Whether it is called 集团: the mother of a firm and the firm often differ by nothing else."""


def plain(text: str) -> str:
    """Text in one width and case, in simple characters, ordinals in digits, without spaces, brackets, punctuation."""
    return _plain(_wide(text))


def firm_name(text: str) -> FirmName:
    """A registered name taken apart. The core is never empty where the text has a letter."""
    wide = _wide(text).strip()
    while wide[-1:].isascii() and (legal := _LEGAL_LATIN.search(wide)) is not None and legal.start() > 0:
        wide = wide[: legal.start()]
    core = _plain(wide)
    parts: list[str] = []
    is_group = False
    while True:
        shorter, part = _shorter(core)
        if shorter == core:
            return FirmName(core, "".join(reversed(parts)), is_group)
        is_group = is_group or (not part and "集团" in core[len(shorter) :])
        core = shorter
        if part:
            parts.append(part)


def _shorter(core: str) -> tuple[str, str]:
    """A name without its last legal form or part, and that part; the same where it has none."""
    if core.endswith(_PARTS):
        if match := _PART.match(core):
            return match["firm"], _part_plain(match["part"])
        if match := _NUMBERED_PLAIN.match(core):
            return match["firm"], match["number"]
        firm = core[: -len(next(part for part in _PARTS if core.endswith(part)))]
        if region := _REGION_END.match(firm):
            return region["firm"], _part_plain(region["part"])
        if len(firm) >= 2:
            return firm, "分"
    if core.endswith(_LEGAL):
        for legal in _LEGAL:
            if core.endswith(legal) and len(core) >= len(legal) + 2:
                return core[: -len(legal)], ""
    if _DIGIT.search(core):
        if match := _NUMBERED_PLAIN.match(core):
            return match["firm"], match["number"]
        if match := _NUMBERED.match(core):
            return match["firm"], (match["a"] or match["b"]) + match["kind"]
    if core.endswith("公司") and len(core) >= 4:
        return core[:-2], ""
    return core, ""


def _part_plain(part: str) -> str:
    """第2工程 is 2, as 2 is; 上海市 is 上海."""
    if part[-1:] in "省市" and len(part) > 2:
        part = part[:-1]
    return part.removeprefix("第").removesuffix("工程") or part


def _wide(text: str) -> str:
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return simple(text.casefold())


def _plain(wide: str) -> str:
    text = _LEFT_OUT.sub("", wide)
    return _COUNTED.sub(lambda match: str(_number(match[0])), text) if _NUMERAL.search(text) else text


def _number(numerals: str) -> int:
    """三 is 3, 十二 12, 二十 20, 一百零八 108, 二〇三 203."""
    if not any(c in "十拾百" for c in numerals):
        return int("".join(str(_DIGITS[c]) for c in numerals))
    total, digit = 0, 0
    for c in numerals:
        if c in "十拾百":
            total += (digit or 1) * (100 if c == "百" else 10)
            digit = 0
        else:
            digit = _DIGITS[c]
    return total + digit


def brand_of(core: str) -> str:
    """What is left of a core without region and words of the trade: of 上海振华建设工程, 振华."""
    return _GENERIC.sub("", core[len(region_of(core)) :])


def numbers_of(core: str) -> list[str]:
    """The numbers in a core: 第1建筑 and 第2建筑 are two firms, however alike."""
    return _DIGITS_RUN.findall(core)


def project_name(text: str) -> str:
    """The name of a project in one form: 滨江路（二期）改造工程 is 滨江路2期改造."""
    name = plain(text)
    match = _PROJECT_END.search(name)
    return name[: match.start()] if match and match.start() >= 2 else name


def phone_number(text: str) -> str:
    """The digits of a phone number without country and extension; "" where it is none."""
    wide = _wide(text)
    wide = re.split("转|分机|ext|x|#|,", wide)[0]
    digits = re.sub("[^0-9]", "", wide)
    if wide.strip().startswith("+86") or digits.startswith("0086"):
        digits = digits.removeprefix("00").removeprefix("86")
    elif len(digits) == 13 and digits.startswith("861"):
        digits = digits[2:]
    return digits if 7 <= len(digits) <= 15 else ""


def credit_code_parse(raw: object) -> str:
    """A unified social credit code (GB 32100-2015) in capitals. Raises ValueError with the reason."""
    if not isinstance(raw, str):
        raise ValueError("is not text")
    code = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", raw)).upper()
    if len(code) != CREDIT_CODE_LENGTH:
        raise ValueError(f"has not {CREDIT_CODE_LENGTH} characters")
    if not all(c in _CREDIT_VALUES for c in code):
        raise ValueError("has characters that no credit code has")
    # The weights are the powers of 3; the last character brings the sum to a multiple of 31.
    total = sum(_CREDIT_VALUES[c] * pow(3, place, 31) for place, c in enumerate(code[:-1]))
    if (total + _CREDIT_VALUES[code[-1]]) % 31:
        raise ValueError("has a check character that does not fit the others; look for a typing error")
    return code
