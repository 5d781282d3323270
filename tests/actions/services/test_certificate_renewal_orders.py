"""No order of the steps but the one reaches the new certificate, on either database (G20)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import permutations
from random import Random

from sqlalchemy import delete, func, insert, select, update

from actions.security.errors import RenewalBirthDateWrong
from actions.services.certificate_renewal import PURPOSE
from actions.storage.models import CertificateRecord, CertificateRenewal, Identification
from tests.actions.security.rounds import rounds, told
from tests.actions.services.renewals import renewal
from tests.actions.world import NORMAL, START, World, refusal_of

LEGAL = ("send", "verify", "open", "give", "confirm")
ACTS = (*LEGAL, "not mine")
ISSUED = ~CertificateRecord.serial.startswith("demo-")


def paths(count: int) -> list[tuple[str, ...]]:
    """Return orders of all steps, and the right order with steps repeated, replayed, swapped, left out or put in."""
    draw = Random(20)
    every = list(permutations(ACTS))
    draw.shuffle(every)
    found = dict.fromkeys([LEGAL, *every[: max(count // 2, 1)]])
    while len(found) < count:
        path = list(LEGAL)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(path) + 1)
            change = draw.choice(("put in", "put in", "leave out", "swap"))
            if change == "put in":
                path.insert(at, draw.choice((*ACTS, "replay", "wrong")))
            elif change == "leave out" and path:
                path.pop(at % len(path))
            elif len(path) > 1:
                at = at % (len(path) - 1)
                path[at], path[at + 1] = path[at + 1], path[at]
        found.setdefault(tuple(path))
    return list(found)[:count]


@dataclass
class Model:
    """What a customer could know of it: the newest code, what the renewal asks next, and what was issued."""

    code: str = "none"  # none | sent | verified | used
    step: str = "none"  # none | birth_date | confirm | done | stopped: of the renewal of the newest code
    replay: str = "none"  # none | right | wrong: the birth date that was given last with the step it was given for
    wrong: int = 0
    issued: int = 0

    def send(self) -> bool:
        self.code, self.step, self.replay = "sent", "none", "none"
        return True

    def verify(self) -> bool:
        if self.code != "sent":
            return False
        self.code = "verified"
        return True

    def open(self) -> bool:
        if self.step in ("birth_date", "confirm", "done"):
            return True
        if self.code != "verified" or self.step == "stopped":
            return False
        self.step = "birth_date"
        return True

    def give(self, right: bool = True) -> bool:
        if self.step != "birth_date":
            return False
        if right:
            self.step, self.replay = "confirm", "right"
            return True
        self.wrong += 1
        self.replay = "wrong"
        if self.wrong == 3:
            self.step, self.code, self.replay, self.wrong = "stopped", "used", "none", 0
        return False

    def again(self) -> bool:
        return self.replay == "right" and self.step == "confirm"

    def confirm(self) -> bool:
        if self.step == "confirm":
            self.step, self.code, self.wrong = "done", "used", 0
            self.issued += 1
        return self.step == "done"

    def not_mine(self) -> bool:
        if self.step in ("birth_date", "confirm"):
            self.step, self.wrong = "stopped", 0
        if self.code != "none":
            self.code = "used"
        return True


class Customer:
    """Does what a path says, in a conversation of its own and on a day of its own."""

    def __init__(self, world: World, n: int) -> None:
        self.world, self.conversation, self.code, self.reference = world, f"c{n}", "000000", "v_none"
        world.clock.set(START + timedelta(hours=25 * (n + 1)))
        now = world.clock.now()
        with world.services.work.begin() as session:
            mine = CertificateRecord.account_id == NORMAL.account
            session.execute(delete(CertificateRecord).where(mine, ISSUED))
            session.execute(update(CertificateRecord).where(mine).values(valid_until=now + timedelta(days=20)))
            known = dict(session.execute(select(Identification.__table__)).mappings().first() or {})
            known.update(conversation=self.conversation, completed_at=now)
            session.execute(insert(Identification).values(known))
            session.commit()

    def does(self, act: str) -> Callable[[], object]:
        world, mine = self.world, self.conversation
        steps = renewal(world)
        calls: dict[str, Callable[[], object]] = {
            "send": self.send,
            "verify": lambda: world.enter(mine, self.code, PURPOSE),
            "open": partial(steps.open, mine, "hnyc"),
            "give": partial(self.give, NORMAL.born),
            "wrong": partial(self.give, "070/01/02"),
            "replay": lambda: steps.give_birth_date(mine, self.reference),
            "confirm": partial(steps.confirm_and_install, mine, "en"),
            "not mine": partial(steps.not_mine, mine),
        }
        return calls[act]

    def send(self) -> None:
        self.world.clock.pass_(seconds=61)
        self.code = self.world.send_code(self.conversation, PURPOSE)

    def give(self, born: str) -> None:
        """Keep the reference to be replayed once it was judged."""
        reference = self.world.put(self.conversation, "birth_date", born)
        try:
            renewal(self.world).give_birth_date(self.conversation, reference)
        except RenewalBirthDateWrong:
            self.reference = reference
            raise
        self.reference = reference

    def issued(self) -> int:
        with self.world.services.work.begin() as session:
            of = CertificateRecord.account_id == NORMAL.account
            return session.scalars(select(func.count()).select_from(CertificateRecord).where(of, ISSUED)).one()


def expected(model: Model, act: str) -> bool:
    calls: dict[str, Callable[[], bool]] = {
        "send": model.send,
        "verify": model.verify,
        "open": model.open,
        "give": model.give,
        "wrong": partial(model.give, False),
        "replay": model.again,
        "confirm": model.confirm,
        "not mine": model.not_mine,
    }
    return calls[act]()


def is_legal(path: Sequence[str], accepted: Sequence[bool]) -> bool:
    """Whether the five steps stand in `path` in their order, each accepted, none that undoes them between."""
    done = [act for act, taken in zip(path, accepted, strict=True) if taken]
    last = len(done) - 1 - done[::-1].index("confirm") if "confirm" in done else -1
    return _in_order(done[: last + 1])


def _in_order(done: Sequence[str]) -> bool:
    reached = 0
    for act in done:
        if act == "not mine":
            reached = 0
        elif act == "send":
            reached = 1
        elif reached < len(LEGAL) and act == LEGAL[reached]:
            reached += 1
    return reached == len(LEGAL) or "confirm" in done[:-1]


def test_no_order_of_the_steps_but_one_installs(world: World, database_url: str) -> None:
    """Half of the paths on each database."""
    half = int(database_url.startswith("postgresql"))
    world.identify("c-known", NORMAL)
    counts: Counter[str] = Counter()
    wrong_carried = 0  # of a renewal that is left lying, to the next conversation
    for n, path in enumerate(paths(rounds(500))[half::2]):
        customer, model, accepted = Customer(world, n), Model(wrong=wrong_carried), []
        for act in path:
            refusal = refusal_of(customer.does(act))
            accepted.append(refusal is None)
            assert accepted[-1] == expected(model, act), (path, act, refusal, model)
        wrong_carried = model.wrong
        issued = customer.issued()
        assert issued == model.issued, (path, model)
        assert not issued or is_legal(path, accepted), path
        counts.update(
            paths=1,
            steps=len(path),
            accepted=sum(accepted),
            refused=len(path) - sum(accepted),
            issued=issued,
            reached=issued > 0,
        )
    told(**counts)
    assert counts["reached"]
    with world.services.work.begin() as session:
        open_ones = select(func.count()).where(CertificateRenewal.closed_at.is_(None))
        assert session.scalars(open_ones).one() <= 1
