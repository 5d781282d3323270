"""Message texts from Jinja2 templates: actions/templates/<channel>/<language>/<kind>.{subject.txt,txt,html}.

The six notices extend `notice.txt` and `notice.html` of their language, which say what every notice says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

FOLDER = Path(__file__).resolve().parents[1] / "templates"
_FOLDERS = {"email": "e-mail", "sms": "sms"}


class JinjaTemplates:
    def __init__(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """`facts`: by institution, what every template may name, e.g. the hotline."""
        self._facts = facts
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self, kind: str, channel: str, language: str, values: Mapping[str, str], institution: str
    ) -> tuple[str, str, str]:
        """Return subject, text and HTML; an SMS has the text alone.

        Raise `jinja2.UndefinedError` where a value is missing: half a message is none.
        """
        start = f"{_FOLDERS[channel]}/{language}/{kind}"
        words = {**self._facts[institution], **values}
        text = self._environment.get_template(f"{start}.txt").render(words)
        if channel == "sms":
            return "", text, ""
        subject = self._environment.get_template(f"{start}.subject.txt").render(words).strip()
        return subject, text, self._environment.get_template(f"{start}.html").render(words)
