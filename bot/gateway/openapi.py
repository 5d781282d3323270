"""The gateway's interface as OpenAPI 3.1, served at /Webhook/openapi.json and checked by the tests."""

from __future__ import annotations

from typing import Any


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _words(most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"\S"}


_ID = {"type": "string", "format": "uuid", "description": "made by the client; the same id is answered once"}
_LANGUAGE = {"type": "string", "enum": ["zh-Hant", "zh-Hans", "en"]}
_LINK = {"type": "string", "maxLength": 2000, "description": "`c` of a notice's link; its language is the default"}
_INSTITUTION = {"type": "string", "enum": ["hnyc", "gtjai", "icbca"]}

_MESSAGE = {
    "type": "object",
    "required": ["seq", "from", "text", "buttons", "at"],
    "properties": {
        "seq": {"type": "integer"},
        "from": {"enum": ["bot", "customer", "staff", "system"]},
        "text": {"type": "string"},
        "language": _LANGUAGE,
        "topic": {"type": "string"},
        "decision": {"enum": ["answer", "clarify", "handover"]},
        "buttons": {
            "type": "array",
            "items": _object({"title": {"type": "string"}, "button": {"type": "string"}}, ["title", "button"]),
        },
        "ask": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"enum": ["account", "birth_date", "choice", "code", "text", "contact", "confirm"]},
                "digits": {"type": "integer"},
                "sent_to": {"type": "string"},
                "expires_at": {"type": "string", "format": "date-time"},
                "resend_at": {"type": "string", "format": "date-time"},
                "choices": {"type": "array", "items": {"type": "string"}},
            },
        },
        "source": {"type": "string"},
        "state": {"enum": ["received", "answered", "failed"], "description": "of a customer's message"},
        "id": {"type": "string", "description": "of a customer's message"},
        "at": {"type": "string", "format": "date-time"},
    },
}
_ERROR = _object(
    {
        "error": _object(
            {"code": {"type": "string"}, "message": {"type": "string"}, "reference": {"type": "string"}},
            ["code", "message", "reference"],
        )
    },
    ["error"],
)


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _responses(status: str, properties: dict[str, Any], *errors: str) -> dict[str, Any]:
    good = {"description": "done", "content": _json({"type": "object", "properties": properties})}
    bad = {"description": "an error in the customer's language", "content": _json(_ERROR)}
    return {status: good} | dict.fromkeys(errors, bad)


def _post(summary: str, body: dict[str, Any], status: str = "200", **more: Any) -> dict[str, Any]:
    errors = ("400", "401", "403", "409", "413", "429", "500", "503")
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": _json(body)},
            "responses": _responses(status, {"messages": _LIST, **more}, *errors),
        }
    }


_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Message"}}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_AFTER = {"name": "after", "in": "query", "schema": _NUMBER}


def _opening() -> dict[str, Any]:
    body = _object({"institution": _INSTITUTION, "language": _LANGUAGE, "link": _LINK}, [])
    path = _post("Start a conversation; sets the cookie", body, "201", language=_LANGUAGE)
    same = {"messages": _LIST, "language": _LANGUAGE}
    path["post"]["security"] = [{}, {"cookie": []}]  # whoever has no conversation yet
    path["post"]["responses"] |= _responses("200", same)
    path["post"]["responses"]["200"]["description"] = "a link, and the browser's conversation goes on: all of it so far"
    return path


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Anxin gateway", "version": "1"},
    "components": {
        "schemas": {"Message": _MESSAGE},
        "securitySchemes": {"cookie": {"type": "apiKey", "in": "cookie", "name": "anxin"}},
    },
    "security": [{"cookie": []}],
    "paths": {
        "/Webhook/api/conversations": _opening(),
        "/Webhook/api/messages": {
            **_post(
                "Send text, press a button, or choose the language",
                {
                    "oneOf": [
                        _object({"id": _ID, "text": _words(2000)}, ["id", "text"]),
                        _object({"id": _ID, "button": _words(200)}, ["id", "button"]),
                        _object({"id": _ID, "language": _LANGUAGE}, ["id", "language"]),
                    ]
                },
            ),
            "get": {
                "summary": "Messages after a number",
                "parameters": [_AFTER],
                "responses": _responses("200", {"messages": _LIST}, "400", "401", "503"),
            },
        },
        "/Webhook/api/secrets": _post(
            "Hand over a secret; it is kept out of the log and of Rasa",
            _object(
                {
                    "id": _ID,
                    "kind": {"enum": ["code", "account", "birth_date", "contact"]},
                    "value": _words(500),
                },
                ["id", "kind", "value"],
            ),
        ),
        "/Webhook/api/stream": {
            "get": {
                "summary": "Messages as they come (server-sent events)",
                "parameters": [_AFTER, {"name": "Last-Event-ID", "in": "header", "schema": _NUMBER}],
                "responses": _responses("200", {}, "400", "401", "429", "503")
                | {"200": {"description": "events", "content": {"text/event-stream": {}}}},
            }
        },
    },
}
