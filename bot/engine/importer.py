"""Topic files become what Rasa trains on: examples, an intent, a response and rules for each.

Rasa's own files (`data/flows`, `domain.yml`) are read as Rasa reads them. From them and from the topics
follow the rules that nobody should have to write by hand:

* an intent with a response `utter_<intent>` is answered by it, and inside a form the form then asks again;
* an intent with an action `action_open_<noun>` starts that flow, also from inside another form; inside the form of that
  noun the form goes on (the flows of `verification_form` share it: there the action itself knows whose turn it is);
* `cancel` leaves any form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rasa.shared.core.domain import Domain
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.common import cached_method
from rasa.shared.utils.io import get_text_hash

from bot.content.flows import load_flows
from bot.content.topics import Topic, load_topics

FALLBACK_INTENT = "nlu_fallback"

Rule = dict[str, Any]


class TopicImporter(RasaFileImporter):
    """Rasa's file importer plus `data/topics`; named in `config.yml`."""

    @cached_method
    def get_domain(self) -> Domain:
        return super().get_domain().merge(Domain.from_dict(_topic_domain(list(self._topics().values()))))

    @cached_method
    def get_stories(self, exclusion_percentage: int | None = None) -> StoryGraph:
        written = super().get_stories(exclusion_percentage)
        responses = set(self._nlu_data().responses) | set(self.get_domain().responses)
        rules = list(_rules(self.get_domain(), responses))
        reader = YAMLStoryReader()
        generated = reader.read_from_parsed_yaml({"version": "3.1", "rules": rules})
        return written.merge(StoryGraph(generated))

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        return self._nlu_data()

    @cached_method
    def _topics(self) -> dict[str, Topic]:
        return load_topics()

    @cached_method
    def _nlu_data(self) -> TrainingData:
        """All examples: of the flows' files, and each topic's; and the titles, which buttons show."""
        written = [load_data(file) for file in self._nlu_files]
        examples = [Example(data=message.data) for data in written for message in data.training_examples]
        for topic in self._topics().values():
            texts = (*topic.all_examples, *topic.title.values())
            examples += [Example(data={TEXT: text, INTENT: topic.id}) for text in texts]
        for flow in load_flows().values():
            examples += [Example(data={TEXT: text, INTENT: flow.id}) for text in flow.title.values()]
        return TrainingData(examples, responses={k: v for data in written for k, v in data.responses.items()})


class Example(Message):  # type: ignore[misc]  # Rasa has no types
    """A message that costs nothing to copy and little to compare: Rasa copies and hashes all of them ten times.

    A copy is the message itself, for no component of config.yml changes an example.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Example:
        return self

    def fingerprint(self) -> str:
        if self._cached_fingerprint is None and self.data.keys() == {TEXT, INTENT}:
            self._cached_fingerprint = get_text_hash(f"{self.data[INTENT]}\0{self.data[TEXT]}")
        return str(super().fingerprint())


def _topic_domain(topics: list[Topic]) -> dict[str, Any]:
    flows, known = load_flows(), {topic.id: topic for topic in topics}
    responses = {}
    for topic in topics:
        responses[f"utter_{topic.id}"] = [
            {
                "text": text,
                "buttons": list(_buttons(topic, institution, language, known, flows)),
                "metadata": {
                    "institution": institution,
                    "language": language,
                    "topic": topic.id,
                    "title": topic.title[language],
                    "reviewed": topic.reviewed.isoformat(),
                    "expires": topic.expires.isoformat(),
                },
            }
            for institution, texts in topic.answers.items()
            for language, text in texts.items()
        ]
    return {"intents": [topic.id for topic in topics], "responses": responses}


def _buttons(
    topic: Topic, institution: str, language: str, topics: dict[str, Topic], flows: dict[str, Any]
) -> Iterator[dict[str, str]]:
    if topic.act and institution in flows[topic.act].institutions:
        yield {"title": flows[topic.act].title[language], "payload": f"/{topic.act}"}
    for id_ in topic.next:
        if id_ in topics and institution in topics[id_].answers:
            yield {"title": topics[id_].title[language], "payload": f"/{id_}"}


def _rules(domain: Domain, responses: set[str]) -> Iterator[Rule]:
    forms = sorted(domain.form_names)
    for intent in sorted({*domain.intents, FALLBACK_INTENT}):
        opener = _opener(intent, domain)
        if opener:
            yield _rule(f"{intent} opens its flow", [{"intent": intent}, {"action": opener}])
            for form in forms:
                same = form == opener.removeprefix("action_open_") + "_form"
                steps = [{"intent": intent}, {"action": "utter_continue" if same else opener}]
                steps += [{"action": form}] if same else []
                yield _rule(f"{intent} during {form}", steps, form, stays=same)
        elif f"utter_{intent}" in responses:
            answer = {"action": f"utter_{intent}"}
            yield _rule(f"{intent} is answered", [{"intent": intent}, answer])
            for form in forms:
                if intent != "cancel":
                    steps = [{"intent": intent}, answer, {"action": form}]
                    yield _rule(f"{intent} during {form}", steps, form, stays=True)
    for form in forms:
        steps = [{"intent": "cancel"}, {"action": "action_deactivate_loop"}, {"active_loop": None}]
        yield _rule(f"cancel leaves {form}", [*steps, {"action": "utter_cancelled"}], form)


def _opener(intent: str, domain: Domain) -> str | None:
    """Return the action that opens the flow of `intent`: the one whose noun `FLOW_NOUNS` names."""
    action = f"action_open_{FLOW_NOUNS[intent]}" if intent in FLOW_NOUNS else None
    return action if action in domain.user_actions else None


# The noun of each flow, used in the names of its action and, where it has one of its own, its form; a topic may be called
# so as well (password_reissue).
FLOW_NOUNS = {
    "unlock_password": "password_unlock",
    "reissue_password": "password_reissue",
    "send_code": "one_time_code",
    "renew_certificate": "certificate_renewal",
    "not_me": "not_me",
    "token_status": "token_status",
    "check_notice": "notice_check",
    "report_error": "error_report",
    "report_status": "report_status",
}


def _rule(name: str, steps: list[dict[str, Any]], form: str | None = None, stays: bool = False) -> Rule:
    rule: Rule = {"rule": name, "steps": steps + ([{"active_loop": form}] if stays else [])}
    if form:
        rule["condition"] = [{"active_loop": form}]
    return rule
