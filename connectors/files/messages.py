"""Why a row or a file is refused, in the two languages of the people who read it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "above": ("是 {value}，高于上限 {limit}", "is {value}, above the highest value allowed, {limit}"),
    "ambiguous": (
        "表头出现不止一次，无法确定用哪一列；请删除多余的列",
        "stands twice in the header; remove one of the columns",
    ),
    "below": ("是 {value}，低于下限 {limit}", "is {value}, below the lowest value allowed, {limit}"),
    "boolean": ("不是 true 或 false", "is neither true nor false"),
    "capture": ("中找不到 {what}", "does not contain the {what}"),
    "cells_many": (
        "本行有 {count} 个单元格，而表头有 {expected} 个：可能有未加引号的分隔符",
        "the row has {count} cells where the header has {expected}: perhaps a cell needs quotation marks",
    ),
    "cells_few": (
        "本行有 {count} 个单元格，而表头有 {expected} 个：本行可能被截断",
        "the row has {count} cells where the header has {expected}: perhaps it is cut short",
    ),
    "cells_much": (
        "本条记录有 {count} 个值，超过 {limit} 个",
        "the record holds {count} values, more than {limit}",
    ),
    "choice": ("不是下列之一：{values}", "is none of: {values}"),
    "columns_missing": (
        "文件缺少列：{columns}。请补上这些列，或选用与此文件相符的映射",
        "the file lacks the columns {columns}; add them, or choose the mapping that fits this file",
    ),
    "date": ("不是按 {formats} 书写的日期", "is not a date written as {formats}"),
    "date_early": ("是 {value}，早于 {limit}", "is {value}, before {limit}"),
    "date_late": ("是 {value}，晚于 {limit}", "is {value}, after {limit}"),
    "decimals": ("的小数超过 {places} 位", "has more than {places} decimals"),
    "empty": ("为空", "is empty"),
    "error_cell": ("单元格是表格错误 {value}", "holds the spreadsheet error {value}"),
    "fact_type_unknown": ("不是已声明的事实类型", "is no declared fact type"),
    "heading": (
        "处是表头文字“{value}”而不是数据：本行错位或是重复的表头",
        "holds the heading “{value}” where a value must be: the row is shifted or repeats the header",
    ),
    "integer": ("不是整数", "is not a whole number"),
    "leftover": (
        "本行在文件中无法正常读取；改正单元格后请清空 {key}",
        "the row could not be read as it stood in the file; once its cells are right, clear {key}",
    ),
    "long": ("超过 {length} 个字符", "is longer than {length} characters"),
    "no_attribute": (
        "不是 {fact_type} 的属性，却有内容",
        "is no attribute of {fact_type}, but the cell is filled",
    ),
    "no_object": ("不是 JSON 对象", "is no JSON object"),
    "nul": ("含有 NUL 字符：文件可能已损坏", "contains a NUL character: the file may be damaged"),
    "number": ("不是普通的数字", "is not a plain number"),
    "quotes": (
        "第 {line} 行附近的引号不成对（{detail}）",
        "the quotation marks near line {line} do not match ({detail})",
    ),
    "broken": ("含有损坏的字符", "contains a broken character"),
}


def text(code: str, language: Language, **values: object) -> str:
    """The message of a code in a language, with its values filled in."""
    return _TEXTS[code][0 if language == "zh" else 1].format(**values)
