"""Answer, ask back or hand over: whichever costs the customer least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from bot.content.flows import load_flows
from bot.content.institutions import load_institutions
from bot.content.topics import load_topics
from bot.engine.understanding.decision import (
    ELSEWHERE_FACTOR,
    OFFERED,
    RANKED,
    WORTH_OFFERING,
    Costs,
    Understood,
    decided,
    elsewhere,
    offered_by,
)
from bot.engine.understanding.model import OUTSIDE
from tests.engine.understanding.costs import configured

COSTS = Costs(wrong_answer=1.0, answer_outside=1.0, refuse_inside=1.0, ask=0.4, not_among=0.6, hand_over=0.75)
TOPICS = ("first", "second", "third", "fourth", "fifth", "sixth")
WAYS = ("answer", "clarify", "handover")


def decide(*probabilities: float, outside: float | None = None, costs: Costs = COSTS) -> Understood:
    """Decide over as many topics as there are `probabilities`, and what is outside, if given."""
    intents = [*TOPICS[: len(probabilities)], *([] if outside is None else [OUTSIDE])]
    return decided(np.array([*probabilities, *([] if outside is None else [outside])]), intents, costs)


# --- the costs -------------------------------------------------------------------------------------


def test_the_costs_of_config_yml_can_be_read() -> None:
    assert all(value > 0 for value in vars(Costs.from_config(configured())).values())


def test_a_whole_number_is_a_number() -> None:
    assert Costs.from_config({**configured(), "ask": 1}).ask == 1.0


@pytest.mark.parametrize("name", Costs.__dataclass_fields__)
def test_a_missing_cost_is_refused_with_the_names(name: str) -> None:
    refused({key: value for key, value in configured().items() if key != name})


def test_an_unknown_cost_is_refused_with_the_names() -> None:
    refused({**configured(), "threshold": 0.5})


@pytest.mark.parametrize("value", ["0.5", None, [], {}, "cheap", True, float("nan"), float("inf"), -0.1])
def test_a_cost_that_is_no_amount_is_refused_with_the_names(value: object) -> None:
    refused({**configured(), "ask": value})


def test_no_costs_at_all_are_refused_with_the_names() -> None:
    refused({})


def refused(config: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^config\.yml: costs needs the numbers .*\.$") as refusal:
        Costs.from_config(config)
    assert all(name in str(refusal.value) for name in Costs.__dataclass_fields__)
    assert "\n" not in str(refusal.value)


# --- the cheapest way ------------------------------------------------------------------------------


def test_each_way_is_the_cheapest_somewhere() -> None:
    assert decide(0.9, 0.05, 0.03, outside=0.02).decision == "answer"
    assert decide(0.45, 0.4, 0.1, outside=0.05).decision == "clarify"
    assert decide(0.12, 0.1, 0.1, outside=0.4).decision == "handover"


def test_each_way_is_the_cheapest_somewhere_with_the_costs_of_config_yml() -> None:
    costs = Costs.from_config(configured())
    found = {
        decide(best, second, outside=1 - best - second, costs=costs).decision
        for best, second in product(np.linspace(0, 1, 41), repeat=2)
        if second <= best and best + second <= 1
    }
    assert found == set(WAYS)


def test_more_certainty_never_leads_from_an_answer_to_anything_else() -> None:
    decisions = [decide(p, (1 - p) / 2, (1 - p) / 4, outside=(1 - p) / 4).decision for p in np.linspace(0.34, 1, 100)]
    assert "answer" not in decisions[: decisions.index("answer")]
    assert set(decisions[decisions.index("answer") :]) == {"answer"}


@pytest.mark.parametrize(
    ("best", "expected"),
    # Asking costs 0.4 where all of it is offered, so an answer may be wrong in 4 of 10.
    [(1.0, "answer"), (0.6001, "answer"), (0.5999, "clarify"), (0.5, "clarify")],
)
def test_the_border_between_answering_and_asking_is_what_asking_costs(best: float, expected: str) -> None:
    assert decide(best, 1 - best).decision == expected


@pytest.mark.parametrize(
    ("each", "expected"),
    # 0.4 + 0.6 * (1 - 3 * each) = 0.75
    [(0.139, "clarify"), (0.138, "handover"), (0.05, "handover"), (0.0, "handover")],
)
def test_the_border_between_asking_and_handing_over_is_what_handing_over_costs(each: float, expected: str) -> None:
    assert decide(each, each, each, outside=0.4).decision == expected


def test_dearer_wrong_answers_are_given_less_often() -> None:
    cautious = Costs(wrong_answer=5.0, answer_outside=5.0, refuse_inside=5.0, ask=0.4, not_among=0.6, hand_over=0.75)
    assert decide(0.8, 0.15, outside=0.05).decision == "answer"
    assert decide(0.8, 0.15, outside=0.05, costs=cautious).decision == "clarify"


def test_what_is_more_likely_outside_than_not_is_handed_over_as_outside() -> None:
    understood = decide(0.3, 0.19, outside=0.51)
    assert (understood.topic, understood.confidence, understood.decision) == (OUTSIDE, 0.51, "handover")
    assert [name for name, _ in understood.ranking] == [OUTSIDE, "first", "second"]


def test_who_may_be_helped_is_refused_the_less_the_more_a_refusal_costs() -> None:
    patient = Costs(wrong_answer=1.0, answer_outside=1.0, refuse_inside=1.5, ask=0.4, not_among=0.6, hand_over=0.75)
    assert patient.outside_from == pytest.approx(0.6)
    assert [decide(0.39, outside=p, costs=patient).topic for p in (0.6, 0.61)] == ["first", OUTSIDE]


@pytest.mark.parametrize(("outside", "topic"), [(0.5, "first"), (0.5001, OUTSIDE)])
def test_where_both_mistakes_cost_the_same_the_border_of_what_is_outside_is_one_half(
    outside: float, topic: str
) -> None:
    assert decide(1 - outside, outside=outside).topic == topic


@pytest.mark.parametrize(("outside", "topic"), [(0.75, "first"), (0.7501, OUTSIDE)])
def test_the_dearer_it_is_to_refuse_somebody_the_surer_it_has_to_be(outside: float, topic: str) -> None:
    assert decide(1 - outside, outside=outside, costs=replace(COSTS, refuse_inside=3.0)).topic == topic


def test_where_no_mistake_costs_anything_there_is_a_decision_all_the_same() -> None:
    assert decide(0.6, 0.3, outside=0.1, costs=Costs(0, 0, 0, 0, 0, 0)).decision in WAYS


def test_what_is_outside_never_is_an_answer() -> None:
    for outside in np.linspace(0, 1, 101):
        understood = decide((1 - outside) * 0.6, (1 - outside) * 0.4, outside=outside)
        assert understood.topic != OUTSIDE or understood.decision == "handover"


def test_the_likeliest_topic_is_named_even_where_outside_is_likelier() -> None:
    understood = decide(0.3, 0.2, outside=0.45)
    assert understood.topic == "first"
    assert [name for name, _ in understood.ranking] == ["first", OUTSIDE, "second"]


def test_without_an_outside_what_is_missing_to_one_is_a_wrong_answer() -> None:
    assert decide(0.65, 0.02).decision == "answer"
    assert decide(0.2, 0.02).decision == "handover"


def test_confidence_is_the_probability_of_the_topic() -> None:
    assert decide(0.7, 0.2, outside=0.1).confidence == 0.7


# --- what is offered, and ranked -------------------------------------------------------------------


def every_kind() -> list[Understood]:
    chance = np.random.default_rng(20261120)
    return [
        decide(*row[:-1], outside=float(row[-1]))
        for sharp in (0.05, 0.3, 1.0)
        for row in chance.dirichlet([sharp] * 7, 200)
    ]


def test_what_is_offered_never_is_what_is_outside() -> None:
    assert not [understood for understood in every_kind() if OUTSIDE in understood.offered]


def test_at_most_three_are_offered() -> None:
    assert OFFERED == 3
    assert max(len(understood.offered) for understood in every_kind()) == 3


def test_where_it_is_asked_back_there_is_something_to_press() -> None:
    assert all(understood.offered for understood in every_kind() if understood.decision == "clarify")


def test_offered_are_the_likeliest_in_their_order() -> None:
    for understood in every_kind():
        assert list(understood.offered) == sorted(
            understood.offered, key=dict(understood.ranking).__getitem__, reverse=True
        )


@pytest.mark.parametrize(("second", "expected"), [(WORTH_OFFERING, 2), (WORTH_OFFERING - 1e-9, 1)])
def test_what_is_hardly_likely_is_not_offered(second: float, expected: int) -> None:
    assert len(decide(0.5, second, outside=0.4).offered) == expected


def test_the_topic_comes_first_and_the_rest_falls() -> None:
    for understood in every_kind():
        rest = [p for _, p in understood.ranking[1:]]
        assert understood.ranking[0] == (understood.topic, understood.confidence)
        assert rest == sorted(rest, reverse=True)


def test_a_ranking_is_short_and_names_nothing_twice() -> None:
    for understood in every_kind():
        assert len({name for name, _ in understood.ranking}) == len(understood.ranking) == RANKED


def test_of_equally_likely_topics_the_first_by_name_comes_first() -> None:
    assert [name for name, _ in decide(0.25, 0.25, 0.25, 0.25).ranking] == list(TOPICS[:4])


# --- institutions ----------------------------------------------------------------------------------


def test_every_topic_and_flow_says_who_has_it() -> None:
    assert set(offered_by()) == set(load_topics()) | set(load_flows())
    assert all(has and has <= set(load_institutions()) for has in offered_by().values())


def test_what_another_institution_has_is_less_likely_before_the_message_is_read() -> None:
    assert elsewhere(["notice_opt_out", "two_factor_what"], "hnyc").tolist() == [1.0, ELSEWHERE_FACTOR]
    assert elsewhere(["notice_opt_out", "two_factor_what"], "gtjai").tolist() == [ELSEWHERE_FACTOR, 1.0]


@pytest.mark.parametrize("institution", load_institutions())
def test_what_everybody_has_is_as_likely_everywhere(institution: str) -> None:
    assert elsewhere(["greet", "hotline", "human", "report_error", OUTSIDE], institution).tolist() == [1.0] * 5
