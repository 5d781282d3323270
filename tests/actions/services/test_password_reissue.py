"""The reissue: after its own code, with a valid certificate, told once; the old password is over at once (G9, G16, T37)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from actions.security.errors import (
    AccountProtected,
    CoreUnavailable,
    FactorsMissing,
    ReissueNoCertificate,
    UnlockSuspended,
)
from actions.storage.models import Account, CertificateRecord
from tests.actions.services.test_parallel import together
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WITHOUT_CERTIFICATE,
    World,
    refusal_of,
)

REISSUE = "reissue_password"
SUBJECT = "【重要通知】密碼補發成功通知信，請儘速開啟！"  # notices.yml: password_reissued
SECOND = timedelta(seconds=1)


@pytest.fixture
def verified(world: World) -> World:
    """The locked customer in c1, with a right code for the reissue."""
    world.is_verified("c1", LOCKED, REISSUE)
    return world


def certify(world: World, **values: object) -> None:
    world.execute(update(CertificateRecord).where(CertificateRecord.account_id == LOCKED.account).values(**values))


def account(world: World) -> dict[str, object]:
    return world.rows()["core_account"][LOCKED.account]


def test_a_reissue_opens_the_account_with_an_initial_password(verified: World) -> None:
    assert verified.reissue("c1").startswith("RI-20261120-")
    row = account(verified)
    assert (row["locked_at"], row["wrong_passwords"], row["password_initial"]) == (None, 0, True)


def test_the_notice_states_branch_code_masked_account_and_agent(verified: World) -> None:
    verified.reissue("c1")
    (letter,) = verified.letters()
    assert (letter.to, letter.subject) == ("ydemo@example.com", SUBJECT)
    for text in (letter.text, letter.html):
        assert not [words for words in ("測試分公司", "T001", "9____8", "測試營業員") if words not in text]
        assert LOCKED.number not in text


def test_the_same_code_again_has_the_same_receipt_and_no_second_letter(verified: World) -> None:
    receipts = {verified.reissue("c1") for _ in range(3)}
    assert (len(receipts), len(verified.letters())) == (1, 1)


def test_the_same_code_at_once_has_one_receipt_and_one_letter(verified: World) -> None:
    assert together(*[partial(verified.reissue, "c1")] * 8) == {None: 8}
    assert (len(verified.letters()), verified.counts()["notice"]) == (1, 1)


def test_the_same_code_does_not_reissue_again_after_the_owner_chose_a_password(verified: World) -> None:
    receipt = verified.reissue("c1")
    verified.execute(update(Account).where(Account.id == LOCKED.account).values(password_initial=False))
    verified.clock.pass_(days=1)
    assert verified.reissue("c1") == receipt
    assert account(verified)["password_initial"] is False


@pytest.mark.parametrize("purpose", [VERIFY, UNLOCK, "protect_account", "renew_certificate"])
def test_a_code_of_another_purpose_reissues_nothing(world: World, purpose: str) -> None:
    world.is_verified("c1", LOCKED, purpose)
    with pytest.raises(FactorsMissing):
        world.reissue("c1")


def test_a_code_of_another_conversation_reissues_nothing(verified: World) -> None:
    verified.identify("c2", LOCKED)
    with pytest.raises(FactorsMissing):
        verified.reissue("c2")


def test_a_stranger_reissues_nothing(world: World) -> None:
    world.is_verified("c1", UNKNOWN, REISSUE)
    with pytest.raises(FactorsMissing):
        world.reissue("c1")


def test_the_code_is_good_for_five_minutes(verified: World) -> None:
    verified.clock.pass_(minutes=5)
    with pytest.raises(FactorsMissing):
        verified.reissue("c1")


@pytest.mark.parametrize(
    ("column", "offset"),
    [("valid_until", -SECOND), ("valid_until", timedelta(0)), ("valid_from", SECOND), ("revoked_at", -SECOND)],
    ids=["expired", "expiring now", "not yet valid", "revoked"],
)
@pytest.mark.parametrize("does", ["check", "reissue"])
def test_a_certificate_that_became_bad_after_the_code_reissues_nothing(
    verified: World, column: str, offset: timedelta, does: str
) -> None:
    certify(verified, **{column: verified.clock.now() + offset})
    before = verified.rows()
    with pytest.raises(ReissueNoCertificate):
        verified.reissue("c1") if does == "reissue" else verified.services.password_reissue.check("c1")
    assert verified.rows() == before


def test_anothers_certificate_reissues_nothing(verified: World) -> None:
    certify(verified, account_id=NORMAL.account)
    with pytest.raises(ReissueNoCertificate):
        verified.reissue("c1")


def test_an_account_without_a_certificate_is_told_before_it_confirms(world: World) -> None:
    world.is_verified("c1", WITHOUT_CERTIFICATE, REISSUE)
    with pytest.raises(ReissueNoCertificate):
        world.services.password_reissue.check("c1")


@pytest.mark.parametrize("does", ["check", "reissue"])
def test_a_suspended_account_is_refused_before_it_confirms_and_after(world: World, does: str) -> None:
    world.is_verified("c1", SUSPENDED, REISSUE)
    with pytest.raises(UnlockSuspended):
        world.reissue("c1") if does == "reissue" else world.services.password_reissue.check("c1")


@pytest.mark.parametrize("does", ["check", "reissue"])
def test_a_protected_account_is_refused_with_its_reference(verified: World, does: str) -> None:
    verified.is_verified("c2", LOCKED, "protect_account")
    reference = verified.protect("c2")
    with pytest.raises(AccountProtected) as refused:
        verified.reissue("c1") if does == "reissue" else verified.services.password_reissue.check("c1")
    assert refused.value.facts == {"report": reference}
    assert not account(verified)["password_initial"]


def test_what_can_be_done_is_only_looked_at_by_the_check(verified: World) -> None:
    before = verified.rows()
    verified.services.password_reissue.check("c1")
    assert verified.rows() == before


def test_the_check_needs_the_code_too(world: World) -> None:
    world.identify("c1", LOCKED)
    with pytest.raises(FactorsMissing):
        world.services.password_reissue.check("c1")


def test_a_core_that_is_away_leaves_everything_and_the_code_good(
    verified: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise CoreUnavailable

    before = verified.rows()
    with monkeypatch.context() as patch:
        patch.setattr(verified.services.core, "reissue_password", away)
        assert refusal_of(lambda: verified.reissue("c1")) == "CoreUnavailable"
    assert verified.rows() == before
    assert verified.reissue("c1")


def test_reissues_are_not_limited_by_day(verified: World) -> None:
    first = verified.reissue("c1")
    verified.is_verified("c2", LOCKED, REISSUE)
    second = verified.reissue("c2")
    assert first != second
    assert len(verified.letters()) == 2


def test_an_account_without_branch_and_agent_is_reissued_and_told(verified: World) -> None:
    verified.execute(update(Account).where(Account.id == LOCKED.account).values(branch="", branch_number="", agent=""))
    assert verified.services.password_reissue.reissue("c1", "hnyc", "zh-Hant")
    verified.services.outbox.relay()
    (letter,) = (message.text for message in verified.messenger.sent if "營業員" in message.text)
    assert "營業員：-" in letter


def test_without_a_mailbox_nothing_is_reissued(verified: World) -> None:
    verified.execute(update(Account).where(Account.id == LOCKED.account).values(email=None))
    before = verified.rows()["core_account"]
    assert refusal_of(lambda: verified.services.password_reissue.check("c1")) == "ReissueNoMailbox"
    assert refusal_of(lambda: verified.services.password_reissue.reissue("c1", "hnyc", "zh-Hant")) == "ReissueNoMailbox"
    assert verified.rows()["core_account"] == before
