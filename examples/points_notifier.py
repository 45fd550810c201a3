"""Tells a group of WeCom about points that move, through its robot's webhook. 企业微信群机器人：积分变动提醒。

Lines that wait go together, since a robot may send twenty messages a minute. The position is stored after WeCom has
taken a message: killed in between, the notifier sends it once more. Each line bears its position, so that readers can
tell.

    python points_notifier.py --nats "$PLUMBLINE_NATS_URL" --robot 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…'
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Final

import httpx
from plumbline_client import points_text
from plumbline_client.subscribing import LedgerEvent, Patience, Subscriber, Subscription
from plumbline_client.subscribing.sqlite import SqlitePositions

WORDS: Final = {
    "PointsGranted": "获得积分", "PointsDeducted": "扣减积分", "PointsExpired": "积分到期", "PointsReversed": "更正",
    "PointsRedeemed": "兑换", "PointsReturned": "兑换退回",
}  # fmt: skip
CONTENT_BYTES_MAX: Final = 4_096
EVENTS_MAX: Final = 40


class Robot:
    """A group robot of WeCom, or of anything that takes the same messages."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(timeout=10)

    def tell(self, events: Sequence[LedgerEvent], _: Connection) -> None:
        """Send what happened. Raises where the robot does not take it: then it is told again, with longer and longer
        waits."""
        for content in contents(events):
            answer = self._http.post(self._url, json={"msgtype": "markdown", "markdown": {"content": content}})
            answer.raise_for_status()
            # WeCom answers 200 to everything; 45009 is "too often".
            if (code := answer.json()["errcode"]) != 0:
                raise RuntimeError(f"the robot answers errcode {code}")


def contents(events: Sequence[LedgerEvent]) -> Iterator[str]:
    """The lines for some events, as few messages as their length allows."""
    content = ""
    for event in events:
        line = line_of(event)
        if content and len(f"{content}\n{line}".encode()) > CONTENT_BYTES_MAX:
            yield content
            content = ""
        content = f"{content}\n{line}" if content else line
    if content:
        yield content


def line_of(event: LedgerEvent) -> str:
    """A line of Markdown: who, what, how much, and the balance after it."""
    points = event.data["points"]
    color = "warning" if points < 0 else "info"
    sign = "" if points < 0 else "+"
    moved = f'{WORDS[event.type]} <font color="{color}">{sign}{points_text(points)}</font>'
    return f"#{event.position} {event.customer} {moved} 余额 {points_text(event.data['balance'])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", required=True, help="the webhook of the robot")
    parser.add_argument("--nats", required=True, help="nats://user:password@host:port")
    parser.add_argument("--domain", default="", help="JetStream's: plumbline, where the login is of the account file")
    parser.add_argument("--ledger", default="main")
    parser.add_argument("--positions", default="points_notifier.db", help="where to keep how far it is")
    parser.add_argument("--after", type=int, default=0, help="begin after this position")
    given = parser.parse_args()
    subscription = Subscription(given.ledger, "points_notifier", types=tuple(WORDS), after=given.after)
    Subscriber(
        subscription, SqlitePositions(given.positions), url=given.nats, domain=given.domain,
        handler_many=Robot(given.robot).tell, batch_events_max=EVENTS_MAX, create=True,
        patience=Patience(attempts_max=None, wait_seconds_first=1, wait_seconds_max=60),
    ).run_blocking()  # fmt: skip


if __name__ == "__main__":
    main()
