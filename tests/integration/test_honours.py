"""Honours: who it is follows from the log alone, ties are told, certificates hold the Chinese name, consent is kept."""

from __future__ import annotations

import io
import re
from typing import Any

from pypdf import PdfReader

from ledger.domain.commands import AwardHonours, GiveConsent
from ledger.domain.values import points_text
from projections.finance.certificates import certificate_pdf
from projections.finance.honours import MEASURE, Place, places_find, places_of, public_list
from tests.ledgers import Books, fact


def found(books: Books, year: int, **more: Any) -> list[Place]:
    names = {c.number: c.name for c in books.state.book.customers}
    with books.recorder.datastore.get_connection() as connection:
        return places_find(connection, year, names, **more)


def test_the_best_are_those_who_earned_most_in_the_year_and_equals_share_a_rank(books: Books) -> None:
    ids = books.register(*"abcdef")
    amounts = ["500000", "700000", "700000", "90000", "1000000"]
    books.send(*(fact(str(n), "contract_signed", "2025-03-05", ids[n], amount=a) for n, a in enumerate(amounts)))
    books.send(
        fact("x", "complaint_filed", "2025-03-06", ids[4], severity="major"),
        fact("y", "manual_adjustment", "2025-03-06", ids[0], points="900", reason="错录"),
        fact("z", "contract_signed", "2024-12-31", ids[3], amount="9000000"),
    )
    # 200 for ids[4] in spite of the complaint; 140 each for two; 100 without what was adjusted; 18 (2024 is another year).
    assert [(p.rank, p.customer, p.points, p.tied) for p in found(books, 2025)] == [
        (1, ids[4], 200_00, False), (2, ids[1], 140_00, True), (2, ids[2], 140_00, True), (4, ids[0], 100_00, False),
        (5, ids[3], 18_00, False),
    ]  # fmt: skip
    assert [p.rank for p in found(books, 2025, count=2)] == [1, 2, 2]
    assert found(books, 2023) == []
    # The contract is corrected to less: what was taken back counts no more.
    books.do(fact("4", "contract_signed", "2025-03-05", ids[4], amount="600000"))
    assert [(p.rank, p.customer) for p in found(books, 2025)][:3] == [(1, ids[1]), (1, ids[2]), (3, ids[4])]


def test_what_was_awarded_once_stays_whatever_comes_later(books: Books) -> None:
    [one, other] = books.register("a", "b")
    books.do(fact("1", "contract_signed", "2025-03-05", one, amount="500000"))
    places = found(books, 2025)
    award = AwardHonours(
        2025, MEASURE, books.position, tuple((str(p.rank), p.customer, points_text(p.points)) for p in places)
    )
    first = books.do(award)
    assert first.status == "accepted"
    [(_, stream, name, state)] = books.log(first.position - 1)
    assert (stream, name, places_of(state)) == ("honours", "HonoursAwarded", places)
    books.do(fact("2", "contract_signed", "2025-03-05", other, amount="5000000"))
    books.restart()
    again = books.do(AwardHonours(2025, MEASURE, books.position, (("1", other, "1000.00"),)))
    assert again.status == "duplicate" and books.state.relations.settlement.honours == {2025: first.position}


def test_only_those_who_agreed_to_publication_are_named_in_public(books: Books) -> None:
    ids = books.register("a", "b")
    books.send(*(fact(i, "contract_signed", "2025-03-05", i, amount="500000") for i in ids))
    books.do(GiveConsent(ids[1], "publication"))
    consented = {f"C-{c.number:06d}" for c in books.state.book.customers if "publication" in c.consents}
    public = public_list(2025, found(books, 2025), consented)
    assert public["places"] == [
        {"rank": 1, "name": None, "points": None}, {"rank": 1, "name": "b 公司", "points": "100.00"},
    ]  # fmt: skip


def words_of(page: Any) -> str:
    """The text of a page without spaces; the reader gives each character as the two bytes it is encoded in."""
    return re.sub(r"[\x00\s\xa0]", "", page.extract_text())


def test_a_certificate_holds_the_name_and_embeds_its_font() -> None:
    place = Place(3, "C-000007", "湖北省路桥建设集团有限公司", 1_234_50, False)
    content = certificate_pdf(place, 2025, "示例土木工程有限公司")
    [page] = PdfReader(io.BytesIO(content)).pages
    text = words_of(page)
    for said in ("荣誉证书", "湖北省路桥建设集团有限公司", "第3名", "1234.50", "示例土木工程有限公司"):
        assert said in text
    resources: Any = page["/Resources"]
    for font in resources["/Font"].values():
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert "/FontFile3" in descriptor and "NotoSerifSC" in descriptor["/FontName"]
    # A subset, not the twelve megabytes of the whole font; and the same bytes each time.
    assert len(content) < 200_000
    assert certificate_pdf(place, 2025, "示例土木工程有限公司") == content


def test_a_name_longer_than_its_line_is_set_smaller_and_a_very_long_one_on_several() -> None:
    place = Place(1, "C-000001", "中国" * 40, 1_00, False)
    [page] = PdfReader(io.BytesIO(certificate_pdf(place, 2025, "x"))).pages
    assert words_of(page).count("中国") == 40
