"""Certificates of honour as PDF, with the Chinese font embedded (a subset of Noto Serif SC)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from pylopdf_fonts_zh_cn import serif_path

from ledger.domain.values import points_text
from projections.finance.honours import Place

_GOLD: Final = (158, 120, 40)
_INK: Final = (40, 40, 40)
_NAME_SIZES: Final = (34, 26, 20, 15)
"""Sizes a name is tried in, in points: the first in which it fits its line."""
_MARGIN_MM: Final = 25


def certificate_pdf(place: Place, year: int, issuer: str) -> bytes:
    """The certificate of a place. The same place gives the same bytes.

    `issuer` is who awards it. Names in characters that the font lacks are set with the sign for a missing one.
    """
    # The subsetter tells of every table it leaves out.
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(datetime(year, 12, 31, tzinfo=UTC))
    pdf.set_title(f"{year} {place.customer}")
    pdf.set_auto_page_break(False)
    pdf.set_margin(_MARGIN_MM)
    pdf.add_font("serif", fname=serif_path())
    pdf.add_page()
    pdf.set_draw_color(*_GOLD)
    for inset, width in ((10, 1.2), (13, 0.3)):
        pdf.set_line_width(width)
        pdf.rect(inset, inset, pdf.w - 2 * inset, pdf.h - 2 * inset)
    pdf.set_y(32)
    _line(pdf, "荣誉证书", 40, 20, _GOLD)
    _line(pdf, "Certificate of Honour", 16, 14, _GOLD)
    pdf.set_y(82)
    _line(pdf, place.name, _size_fitting(pdf, place.name), 20, _INK)
    _line(pdf, f"荣获 {year} 年度“金牌合作伙伴”第 {place.rank} 名", 20, 16, _INK)
    _line(pdf, f"Gold Partner of {year}, rank {place.rank}", 14, 12, _INK)
    _line(pdf, f"年度积分 {points_text(place.points)} points earned in the year", 12, 12, _INK)
    pdf.set_y(162)
    _line(pdf, issuer, 14, 10, _INK)
    _line(pdf, f"{year} 年 12 月 31 日", 12, 8, _INK)
    return bytes(pdf.output())


def _size_fitting(pdf: FPDF, text: str) -> int:
    for size in _NAME_SIZES:
        pdf.set_font("serif", size=size)
        if pdf.get_string_width(text) <= pdf.epw:
            return size
    return _NAME_SIZES[-1]


def _line(pdf: FPDF, text: str, size: int, height: int, color: tuple[int, int, int]) -> None:
    pdf.set_font("serif", size=size)
    pdf.set_text_color(*color)
    pdf.multi_cell(w=0, h=height, text=text, align="C", new_x="LMARGIN", new_y="NEXT")
