"""The state of a software token in the chat: one whole sentence for each thing that is so."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.services.token_view import TokenView
from actions.turn import Caller, call
from actions.verification import VerifiedFlow


class TokenStatus(VerifiedFlow):
    purpose, intent, noun = "token_status", "token_status", "token_status"

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        view = await call(self.services.software_token.status, who.conversation, who.institution)
        for response, values in told(view):
            dispatcher.utter_message(response=response, **values)


def told(view: TokenView) -> list[tuple[str, dict[str, str]]]:
    """Return the responses that say all of `view`, what matters most first."""
    frozen = _frozen(view)
    if not frozen and view.status != "active":
        return [(f"utter_token_{view.status}", {})]
    said = list(frozen)
    for place in view.places:
        if frozen:  # from when it may be used is not so while it is frozen
            said.append((f"utter_token_enabled_in_{place.app}", {"since": place.since}))
        elif place.usable_now:
            said.append((f"utter_token_in_{place.app}", {"since": place.since}))
        else:
            said.append((f"utter_token_waits_in_{place.app}", {"since": place.since, "usable_at": place.usable_at}))
    return [*said, ("utter_token_biometrics", {})] if view.biometrics else said


def _frozen(view: TokenView) -> list[tuple[str, dict[str, str]]]:
    if view.frozen_for_good:
        return [("utter_token_is_frozen_for_good", {})]
    return [("utter_token_is_frozen", {"frozen_until": view.frozen_until})] if view.frozen_until else []
