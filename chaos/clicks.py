"""Who clicks, and how: drawn from the seed before the run, sent until it is answered, as CRMs do."""

from __future__ import annotations

import http.client
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from chaos.callerdesk import MIX, Conduct, Manner
from chaos.fleet import Answer, Fleet, Process

MEMBERS = tuple(f"98765000{number:02}" for number in range(1, 41))


class Kind(Enum):
    """How a click comes."""

    BUTTON = "a button"
    CUT_OFF = "a button whose connection breaks; sent again to another process"
    LINK = "a button with a token in its address"
    TWICE = "two presses at once without an id, on two processes"
    RULE = "a rule"
    REDELIVERED = "a rule that is delivered again although it was answered"


KINDS = {
    Kind.BUTTON: 30, Kind.CUT_OFF: 20, Kind.LINK: 5, Kind.TWICE: 10, Kind.RULE: 25, Kind.REDELIVERED: 10
}  # fmt: skip


@dataclass
class Click:
    """One wish to be put through to a customer of its own, and every answer to it."""

    number: int
    kind: Kind
    conduct: Conduct
    rng: random.Random = field(repr=False)
    answers: list[Answer] = field(default_factory=list)
    #: Requests that came to nothing: refused, reset, timed out.
    unanswered: int = 0

    @property
    def customer(self) -> str:
        """Ten digits."""
        return f"98761{self.number:05}"

    @property
    def contact(self) -> str:
        """The record in the CRM."""
        return f"c{self.number}"

    @property
    def calls(self) -> set[str]:
        """Every call that an answer named."""
        return {each.body["call"] for each in self.answers if each.body.get("call")}

    @property
    def accepted(self) -> set[str]:
        """The calls of answers 2xx."""
        return {each.body["call"] for each in self.answers if 200 <= each.status < 300}

    def in_crm(self) -> dict[str, Any]:
        """Its contact, with its owner inside."""
        member = MEMBERS[self.number % len(MEMBERS)]
        return {
            "id": self.contact,
            "name": f"Person {self.number}",
            "mobile": self.customer,
            "do_not_call": False,
            "owner": {"id": f"u{member[-2:]}", "phone": member, "email": f"u{member[-2:]}@example.test"},
        }


def drawn(clicks: int, seed: object) -> list[Click]:
    """All clicks of a run; the same seed draws the same ones."""
    return [_drawn(number, random.Random(f"{seed} click {number}")) for number in range(clicks)]


def _drawn(number: int, rng: random.Random) -> Click:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    manner = rng.choices(list(MIX), list(MIX.values()))[0]
    if kind is Kind.TWICE and manner is Manner.SAYS_NO:
        manner = Manner.SAYS_YES  # pressing again after a refusal is a new click, and may ring
    conduct = Conduct(
        manner=manner,
        script=rng.choice(("01", "01", "01", "11", "12", "13", "14")),
        report_after=rng.uniform(0.1, 2.0),
        reports=rng.choices((1, 2, 0), (85, 12, 3))[0],
        live=rng.random() < 0.15,
    )
    return Click(number, kind, conduct, rng)


class Sender:
    """Sends one click as its kind has it, to random processes, until it is answered."""

    def __init__(self, fleet: Fleet, over: threading.Event) -> None:
        self.fleet = fleet
        self.over = over

    def send(self, click: Click) -> None:
        """Send it; returns when it has its answer, or the run is over."""
        match click.kind:
            case Kind.CUT_OFF:
                first = self.fleet.somebody(click.rng)
                path, body, headers = self._request(click)
                try:
                    first.cut_off(path, body, headers, after=click.rng.uniform(0.0, 0.2))
                except (OSError, http.client.HTTPException):
                    click.unanswered += 1
                self._until_answered(click, other_than=first)
            case Kind.TWICE:
                first = self.fleet.somebody(click.rng)
                with ThreadPoolExecutor(1) as other_finger:
                    pressed = other_finger.submit(self._until_answered, click, other_than=first)
                    self._until_answered(click, at=first)
                    pressed.result()
            case Kind.REDELIVERED:
                self._until_answered(click)
                self.over.wait(click.rng.uniform(0.0, 3.0))
                self._until_answered(click)
            case _:
                self._until_answered(click)

    def _until_answered(
        self, click: Click, at: Process | None = None, other_than: Process | None = None
    ) -> None:
        path, body, headers = self._request(click)
        process = at or self.fleet.somebody(click.rng, other_than)
        while not self.over.is_set():
            try:
                answer = process.send("POST", path, body, headers)
            except (OSError, http.client.HTTPException):
                click.unanswered += 1
                self.over.wait(0.2)
            else:
                click.answers.append(answer)
                if answer.body.get("call"):
                    return
                self.over.wait(0.5)  # 503: no durable row
            process = self.fleet.somebody(click.rng, process)

    def _request(self, click: Click) -> tuple[str, bytes, dict[str, str]]:
        fields = {"object": "Contact", "id": click.contact}
        if click.kind is not Kind.TWICE:
            fields["click_id"] = f"click-{click.number}"
        if click.kind in (Kind.RULE, Kind.REDELIVERED):
            fields["source"] = "rule"
        headers = {"Content-Type": "application/json"}
        path = "/hooks/shop"
        if click.kind is Kind.LINK:
            path = f"/hooks/link/{self.fleet.secrets['LINK_TOKEN']}"
        else:
            headers["Authorization"] = f"Bearer {self.fleet.secrets['CLICK_SECRET']}"
        return path, json.dumps(fields).encode(), headers
