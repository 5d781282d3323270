"""Masks, and destinations for details that match nobody (G12, T33)."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.security.destinations import (
    identity_of,
    looks_like_contact,
    mask_account,
    mask_contact,
    mask_email,
    mask_phone,
    plausible_destinations,
)
from tests.actions.world import deterministic

DOMAINS = ("example.com", "example.org", "mail.example")
DETAILS = ("hnyc", "900018", "1981-01-01")
OTHERS = [("icbca", "900018", "1981-01-01"), ("hnyc", "900019", "1981-01-01"), ("hnyc", "900018", "1981-01-02")]


@pytest.mark.parametrize(
    ("number", "shown"),
    [("0930000678", "093***678"), ("0930-000-678", "093***678"), ("+886 930 000 678", "886***678")],
)
def test_a_phone_shows_its_first_and_last_three_digits(number: str, shown: str) -> None:
    assert mask_phone(number) == shown


@pytest.mark.parametrize(("address", "shown"), [("zdemo@example.com", "z**@example.com"), ("z@x.tw", "z**@x.tw")])
def test_a_mailbox_shows_its_first_character_and_domain(address: str, shown: str) -> None:
    assert mask_email(address) == shown


def test_an_account_shows_its_first_and_last_character() -> None:
    assert mask_account("900018") == "9____8"


@deterministic
@given(st.text("0123456789", min_size=9, max_size=15))
def test_a_masked_phone_is_as_long_for_every_mobile_number(number: str) -> None:
    assert re.fullmatch(r"\d{3}\*\*\*\d{3}", mask_phone(number))


@deterministic
@given(st.text("0123456789", min_size=6, max_size=15))
def test_a_masked_phone_hides_at_least_three_digits(number: str) -> None:
    assert len(number) - len(mask_phone(number).replace("*", "")) >= 3


def test_a_strangers_destinations_are_always_the_same() -> None:
    assert plausible_destinations(b"pepper", *DETAILS, DOMAINS) == plausible_destinations(b"pepper", *DETAILS, DOMAINS)


@pytest.mark.parametrize("other", OTHERS)
def test_a_strangers_destinations_depend_on_everything_entered(other: tuple[str, str, str]) -> None:
    assert plausible_destinations(b"pepper", *DETAILS, DOMAINS) != plausible_destinations(b"pepper", *other, DOMAINS)


def test_a_strangers_destinations_cannot_be_worked_out_without_the_pepper() -> None:
    assert plausible_destinations(b"pepper", *DETAILS, DOMAINS) != plausible_destinations(b"salt", *DETAILS, DOMAINS)


@deterministic
@given(st.text("0123456789ABC", min_size=4, max_size=16), st.dates())
def test_a_strangers_destinations_look_like_masked_ones(account: str, born: object) -> None:
    shown = plausible_destinations(b"pepper", "hnyc", account, str(born), DOMAINS)
    assert re.fullmatch(r"09\d\*\*\*\d{3}", shown["sms"])
    assert re.fullmatch(r"[a-z]\*\*@[a-z.]+", shown["email"])


def test_trying_birth_dates_shows_ever_other_destinations() -> None:
    shown = {
        plausible_destinations(b"pepper", "hnyc", "900018", f"19{y}-01-01", DOMAINS)["sms"] for y in range(40, 100)
    }
    assert len(shown) > 50


def test_an_identity_is_the_same_for_the_same_details() -> None:
    assert identity_of(b"pepper", *DETAILS) == identity_of(b"pepper", *DETAILS)


def test_identities_differ_with_each_detail() -> None:
    identities = [identity_of(b"pepper", *details) for details in (DETAILS, *OTHERS)]
    assert all(one != other for one, other in combinations(identities, 2))


def test_an_identity_is_not_the_seed_of_a_strangers_destinations() -> None:
    # Limits are counted by it in the database; nothing shown to a customer may be derivable from it.
    seed = int(identity_of(b"pepper", *DETAILS)[2:10], 16) % 1000
    assert not plausible_destinations(b"pepper", *DETAILS, DOMAINS)["sms"].endswith(f"{seed:03d}")


@pytest.mark.parametrize(
    "text",
    [
        "demo@example.com",
        "0930000678",
        "+886 930-000-678",
        "(02) 412-8889",
        "4128889",
        "1" * 15,
        "demo+1@mail.example.tw",
    ],
)
def test_a_phone_or_a_mailbox_is_a_contact(text: str) -> None:
    assert looks_like_contact(text)


@pytest.mark.parametrize(
    "text", ["", "demo", "demo@", "@example.com", "demo@example", "a@b@c.com", "123456", "1" * 16, "call me", "- ( )"]
)
def test_anything_else_is_no_contact(text: str) -> None:
    assert not looks_like_contact(text)


@pytest.mark.parametrize(("text", "shown"), [("demo@example.com", "d**@example.com"), ("0930000678", "093***678")])
def test_a_contact_is_shown_back_masked(text: str, shown: str) -> None:
    assert mask_contact(text) == shown


def test_a_mailbox_without_a_domain_shows_its_first_character_only() -> None:
    assert mask_email("zdemo") == "z**@"


@pytest.mark.parametrize(
    ("account", "sms", "email"),
    [
        ("900010", "090***309", "q**@example.com"),
        ("900011", "095***250", "k**@example.com"),
        ("900012", "099***144", "j**@example.com"),
        ("900013", "090***272", "e**@mail.example"),
    ],
)
def test_a_strangers_destinations_stay_the_same_with_a_newer_version(account: str, sms: str, email: str) -> None:
    shown = plausible_destinations(b"pepper", "hnyc", account, "1981-01-01", DOMAINS)
    assert shown == {"sms": sms, "email": email}


def test_another_customer_hardly_ever_changes_what_a_stranger_is_shown() -> None:
    before = ["example.com"] * 400 + ["example.org"] * 100
    shown = [plausible_destinations(b"pepper", "hnyc", str(n), "1981-01-01", before)["email"] for n in range(300)]
    after = [*before, "example.org"]
    changed = sum(
        plausible_destinations(b"pepper", "hnyc", str(n), "1981-01-01", after)["email"] != shown[n] for n in range(300)
    )
    assert changed <= 3
    frequent = sum(email.endswith("example.com") for email in shown)
    assert 200 <= frequent <= 280  # four of five, as customers have it
