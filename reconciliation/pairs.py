"""The first and by far the most frequent match: a payment and the one redemption it names, of the same amount, that no
other names. Looked for among the records themselves: one index over what payments say, and one look at each redemption.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.domain.settlement.records import Part, Payment
from reconciliation.items import Ledgers, part_words, payment_words

Pair = tuple[Part, Payment]


def pairs_of(ledgers: Ledgers) -> list[Pair]:
    """Such pairs, in the order of the redemptions."""
    into = ledgers.into
    index = _Index(ledgers)
    named: list[tuple[Part, Payment]] = []
    names: dict[str, str] = {}
    """The part that a payment names, by name; "" where it names several."""
    for part in ledgers.parts:
        if part.open <= 0:
            continue
        customer = into.get(part.customer, part.customer) if into else part.customer
        found: Payment | None = None
        for said in part_words(part):
            for payment in index.named(said, customer):
                names[payment.key] = part.key if names.get(payment.key, part.key) == part.key else ""
                if found is None:
                    found = payment
                elif found is not payment:
                    found = _SEVERAL
        if found is not None and found is not _SEVERAL:
            named.append((part, found))
    # What people parted still is another reading of what it says, so it is sorted out last.
    parted = ledgers.parted
    return [
        (part, payment)
        for part, payment in named
        if names[payment.key] and part.open == payment.open and part.key not in parted and payment.key not in parted
    ]


class _Index:
    """Open payments by the words they say."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._into = into = ledgers.into
        self._asked: dict[tuple[str, int], int] = {}
        self._by_word: dict[str, Payment | dict[int, list[Payment]]] = {}
        by_word = self._by_word
        for payment in ledgers.payments:
            if payment.open <= 0:
                continue
            for said in payment_words(payment):
                known = by_word.setdefault(said, payment)
                if known is payment:
                    continue
                if isinstance(known, Payment):
                    known = by_word[said] = {into.get(known.customer, known.customer): [known]}
                known.setdefault(into.get(payment.customer, payment.customer), []).append(payment)

    def named(self, said: str, customer: int) -> Sequence[Payment]:
        """The open payments of a customer that say a word, for a part that is known by it.

        From the third part on two of them: by then each of the others names several parts, and two are as many as all
        to the part. So a word that everybody says doesn't make it all with all.
        """
        known = self._by_word.get(said)
        if known is None:
            return ()
        if isinstance(known, Payment):
            theirs = self._into.get(known.customer, known.customer) if self._into else known.customer
            return (known,) if theirs == customer else ()
        theirs = known.get(customer, ())
        if len(theirs) > 2:
            asked = self._asked[said, customer] = self._asked.get((said, customer), 0) + 1
            if asked > 2:
                return theirs[:2]
        return theirs


_SEVERAL = Payment("", 0, 0, 0, 0, "", "", "", "", 0, 0)
"""In the place of a payment: there is more than one."""
