"""A secret cannot be printed, logged, compared, kept or sent by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest

from actions.security.secret import Secret

CANARY = "canary-273645"


@dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r}".format,
        "{:>30}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # the way of logging
        lambda secret: str([secret]),
        lambda secret: repr({"code": secret}),
        lambda secret: repr(Holder(secret)),
        lambda secret: repr(ValueError(secret)),
    ],
)
def test_a_secret_prints_as_stars(show: Callable[[Secret], str]) -> None:
    try:
        shown = show(Secret(CANARY))
    except TypeError as refused:
        shown = str(refused)
    assert CANARY not in shown


def test_a_logged_secret_is_stars(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").error("code %s", Secret(CANARY))
    assert CANARY not in caplog.text


def test_a_traceback_with_a_secret_in_it_is_stars() -> None:
    try:
        raise ValueError(Secret(CANARY))
    except ValueError as problem:
        shown = "".join(traceback.TracebackException.from_exception(problem, capture_locals=True).format())
    assert f"'{CANARY}'" not in shown.replace(f"CANARY = '{CANARY}'", "")


@pytest.mark.parametrize(
    "keep",
    [
        pickle.dumps,
        json.dumps,
        copy.copy,
        copy.deepcopy,
        hash,
        bytes,
        lambda secret: asdict(Holder(secret)),
        lambda secret: {secret: 1},
        lambda secret: "" + secret,
    ],
)
def test_a_secret_is_not_kept_or_sent_by_accident(keep: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        keep(Secret(CANARY))


def test_a_secret_has_no_attributes_to_list() -> None:
    assert not hasattr(Secret(CANARY), "__dict__")


def test_a_secret_is_revealed_by_name() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_two_secrets_are_equal_if_their_values_are() -> None:
    assert Secret("123456") == Secret("123456")
    assert Secret("123456") != Secret("123457")
    assert Secret("驗證") == Secret("驗證")


def test_a_secret_never_equals_a_plain_text() -> None:
    assert Secret("123456") != "123456"


def test_a_secret_says_what_it_is_and_why_it_refuses() -> None:
    assert repr(Secret(CANARY)) == "Secret(*****)"
    with pytest.raises(TypeError, match=r"^a Secret is not a key$"):
        hash(Secret(CANARY))
    with pytest.raises(TypeError, match=r"^a Secret is not pickled$"):
        pickle.dumps(Secret(CANARY))
