"""From scores to probabilities: a temperature, two heads, and what they look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bot.engine.understanding.confidence import (
    SCOPE,
    TOPIC,
    Evidence,
    Head,
    evidence,
    fitted_head,
    fitting_temperature,
)

SCORES = np.array([[1.0, 0.2, -0.5, -0.3], [-0.4, -0.2, -0.6, 0.9], [0.1, 0.1, 0.1, 0.1]])
OUTSIDE = 3


def seen(
    scores: np.ndarray = SCORES, outside: int | None = OUTSIDE, temperature: float = 4.0, similarity: float = 0.5
) -> Evidence:
    def same(best: np.ndarray) -> np.ndarray:
        return np.full(len(best), similarity)

    return evidence(scores, same, np.full(len(scores), 0.7), np.full(len(scores), 30), temperature, outside)


# --- evidence --------------------------------------------------------------------------------------


def test_the_best_is_never_what_is_outside() -> None:
    assert seen().best.tolist() == [0, 1, 0]


def test_where_nothing_is_outside_the_best_is_the_highest_score() -> None:
    assert seen(outside=None).best.tolist() == [0, 3, 0]


def test_shares_add_up_to_one_and_give_nothing_to_what_is_outside() -> None:
    shares = seen().shares
    assert shares.sum(axis=1) == pytest.approx(np.ones(3))
    assert shares[:, OUTSIDE].tolist() == [0, 0, 0]


def test_shares_follow_the_scores() -> None:
    shares = seen().shares[0, :3]
    assert shares.tolist() == sorted(shares, reverse=True)


@pytest.mark.parametrize("lift", [-1000.0, 1000.0])
def test_shares_do_not_depend_on_where_scores_begin(lift: float) -> None:
    assert seen(SCORES + lift).shares == pytest.approx(seen().shares)


def test_a_higher_temperature_factor_sharpens_the_shares() -> None:
    mild, sharp = seen(temperature=1.0).shares[0, 0], seen(temperature=10.0).shares[0, 0]
    assert mild < sharp < 1


def test_energy_is_at_least_the_highest_score_inside() -> None:
    assert (seen().features["energy"] >= SCORES[:, :OUTSIDE].max(axis=1)).all()


def test_lead_is_how_far_the_best_is_before_what_is_outside() -> None:
    assert seen().features["lead"].tolist() == pytest.approx([1.3, -1.1, 0.0])


def test_without_an_outside_there_is_no_lead() -> None:
    assert seen(outside=None).features["lead"].tolist() == [0, 0, 0]


def test_gap_is_how_far_the_best_is_before_the_second() -> None:
    assert seen().features["gap"].tolist() == pytest.approx([0.8, 0.2, 0.0])


def test_with_a_single_intent_inside_the_gap_is_bounded() -> None:
    found = seen(np.array([[0.3, 0.9]]), outside=1)
    assert found.features["gap"].tolist() == [10.0]
    assert np.isfinite(np.concatenate([found.of(SCOPE), found.of(TOPIC)], axis=1)).all()


def test_similarity_is_asked_for_the_best_of_each_message() -> None:
    asked: list[list[int]] = []

    def similarity(best: np.ndarray) -> np.ndarray:
        asked.append(best.tolist())
        return np.zeros(len(best))

    evidence(SCORES, similarity, np.ones(3), np.ones(3), 4.0, OUTSIDE)
    assert asked == [[0, 1, 0]]


def test_scores_stay_as_they_were() -> None:
    before = SCORES.copy()
    seen()
    assert (before == SCORES).all()


@pytest.mark.parametrize("names", [SCOPE, TOPIC])
def test_features_come_in_the_order_that_a_head_was_learnt_with(names: tuple[str, ...]) -> None:
    found = seen()
    assert found.of(names).shape == (3, len(names))
    assert all((found.of(names)[:, i] == found.features[name]).all() for i, name in enumerate(names))


# --- temperature -----------------------------------------------------------------------------------


def noisy(right: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of which the share `right` puts the expected intent first, each by the same distance."""
    labels = np.arange(200) % 4
    shown = np.where(np.arange(200) < 200 * right, labels, (labels + 1) % 4)
    return np.eye(4)[shown], labels


def test_the_less_often_scores_are_right_the_milder_they_are_taken() -> None:
    found = [fitting_temperature(*noisy(right)) for right in (0.5, 0.7, 0.9, 0.99)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_at_the_fitting_temperature_the_share_is_how_often_it_is_right() -> None:
    scores, labels = noisy(0.8)
    powers = np.exp(fitting_temperature(scores, labels) * scores)
    assert (powers.max(axis=1) / powers.sum(axis=1))[0] == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("lift", [-1000.0, 1000.0])
def test_the_temperature_does_not_depend_on_where_scores_begin(lift: float) -> None:
    scores, labels = noisy(0.8)
    assert fitting_temperature(scores + lift, labels) == fitting_temperature(scores, labels)


def test_scores_that_are_always_right_have_a_temperature_too() -> None:
    assert np.isfinite(fitting_temperature(*noisy(1.0)))


# --- heads -----------------------------------------------------------------------------------------


def learnt(of: Callable[[np.ndarray], np.ndarray]) -> tuple[Head, np.ndarray]:
    features = np.random.default_rng(7).normal(size=(400, 2))
    return fitted_head(features, of(features), np.ones(400), 1.0), features


def test_a_head_rises_with_what_makes_answers_right() -> None:
    head, _ = learnt(lambda features: features[:, 0] > 0)
    unlikely, even, likely = head.probability(np.array([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))
    assert unlikely < 0.1 < even < 0.9 < likely


def test_a_head_learns_how_often_answers_are_right_where_nothing_tells_them_apart() -> None:
    head, features = learnt(lambda features: np.arange(len(features)) % 4 > 0)
    assert head.probability(features).mean() == pytest.approx(0.75, abs=0.01)


def test_a_probability_lies_between_nought_and_one_whatever_the_features() -> None:
    head, _ = learnt(lambda features: features[:, 0] > 0)
    with np.errstate(over="ignore"):
        probability = head.probability(np.array([[-1e6, 0.0], [1e6, 0.0], [0.0, -1e6], [0.0, 1e6]]))
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize(("is_right", "expected"), [(True, 0.95), (False, 0.05)])
def test_where_all_or_none_was_right_a_head_is_sure_but_not_certain(is_right: bool, expected: float) -> None:
    head, features = learnt(lambda features: np.full(len(features), is_right))
    assert head.probability(features) == pytest.approx(np.full(len(features), expected), abs=0.01)


def test_a_feature_that_never_changes_does_not_matter() -> None:
    features = np.column_stack([np.linspace(-1, 1, 100), np.full(100, 5.0)])
    head = fitted_head(features, features[:, 0] > 0, np.ones(100), 1.0)
    assert np.isfinite(head.probability(features)).all()


def test_a_trusted_feature_is_held_back_less() -> None:
    features = np.random.default_rng(7).normal(size=(400, 2))
    right = features.sum(axis=1) > 0
    first, second = fitted_head(features, right, np.ones(400), 0.02, trusted=1).coefficients
    assert first > second > 0


def test_a_message_of_no_weight_teaches_nothing() -> None:
    features = np.random.default_rng(7).normal(size=(400, 1))
    right = features[:, 0] > 0
    weights = np.where(np.arange(400) < 200, 1.0, 0.0)
    wrong = np.where(np.arange(400) < 200, right, ~right)
    one, other = (fitted_head(features, labels, weights, 1.0).coefficients[0] for labels in (right, wrong))
    assert one == pytest.approx(other)


def test_a_head_that_was_written_down_is_the_same_head() -> None:
    head, features = learnt(lambda features: features[:, 0] > 0)
    again = Head.from_description(head.described())
    assert (again.probability(features) == head.probability(features)).all()
