"""Requests of one run, each carried out once: what is known under its key is answered again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ledger.domain.commands import Answer, Request
from ledger.log.types import AnswerEntry
from ledger.writer.answers import KEY_CONFLICT, answer_again, answer_entry, request_sha256
from ledger.writer.batch import Decided


def each_once(
    requests: Sequence[Request],
    stored: Mapping[tuple[str, str], AnswerEntry],
    decided: Decided,
    one: Callable[[Request], Answer],
) -> None:
    """Have `one` decide every request that has no answer yet, and enter the answers. `stored` are those of the log."""
    answers = decided.answers
    first: dict[tuple[str, str], tuple[bytes, int]] = {}
    for i, request in enumerate(requests):
        pair = (request.client, request.key)
        if request.key and pair in stored:
            answers.append(answer_again(request, stored[pair]))
        elif request.key and pair in first:
            sha256, original = first[pair]
            same = sha256 == request_sha256(request)
            answers.append(replace(answers[original], hit=True) if same else KEY_CONFLICT)
        else:
            if request.key:
                first[pair] = request_sha256(request), i
            answers.append(one(request))
            # A refusal recorded nothing: once its cause is mended, the same request may succeed.
            if request.key and answers[-1].status != "refused":
                decided.entries.append(answer_entry(request, answers[-1]))
