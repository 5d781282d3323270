"""A small invented content folder: two institutions, two topics, one flow, and the facts they rest on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bot.content.checks import check_content
from bot.content.table import coverage

TODAY = date(2026, 11, 20)

Fields = dict[str, Any]


class World:
    """Everything as data; `problems` writes it below a folder and checks it there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.institutions = {
            "demo": _institution("demo", "TW", "示範證券", "示范证券", "Demo Securities", "000-1111", "desk@demo.test"),
            "other": _institution(
                "other", "HK", "示例國際", "示例国际", "Example Intl", "+852 0000 2222", "ask@other.test"
            ),
        }
        self.topics = {"notices/lamp": _topic("lamp", "demo"), "phone/bell": _topic("bell", "demo", "other")}
        self.flows: dict[str, Fields] = {
            "titles": {
                "ring": {"title": {"zh-Hant": "響鈴", "zh-Hans": "响铃", "en": "Ring it"}, "for": ["demo"]},
                "human": {
                    "title": {"zh-Hant": "找真人", "zh-Hans": "找真人", "en": "A person"},
                    "for": ["demo", "other"],
                },
            },
            "ring": {
                "version": "3.1",
                "nlu": [{"intent": "ring", "examples": "- 響鈴吧\n- ring the bell now\n"}],
                "responses": {"utter_ring": variations("demo"), "utter_human": variations(None)},
            },
        }
        self.intents = ["ring", "human", "inform"]
        self.page: dict[str, Fields] = {
            "labels": {"send": {"zh-Hant": "送出", "zh-Hans": "发送", "en": "Send"}},
            "errors": {
                "busy": {"zh-Hant": "請打 {hotline}。", "zh-Hans": "请拨打 {hotline}。", "en": "Call {hotline}."}
            },
        }
        self.facts: dict[str, Any] | None = {
            "institutions": {id_: dict(one, stated=dict(one["stated"])) for id_, one in self.institutions.items()},
            "topics": [{"id": "lamp", "for": ["demo"]}, {"id": "bell", "for": ["demo", "other"]}],
        }
        for facts in self.facts["institutions"].values():
            for program_only in ("id", "limits", "placeholders"):
                facts.pop(program_only)
        self.texts: dict[str, str] = {}  # files that are written as they are

    @property
    def lamp(self) -> Fields:
        return self.topics["notices/lamp"]

    @property
    def ring(self) -> list[Fields]:
        """The variations of the response utter_ring, of demo: zh-Hant, zh-Hans, en."""
        found: list[Fields] = self.flows["ring"]["responses"]["utter_ring"]
        return found

    @property
    def human(self) -> list[Fields]:
        """The variations of the response utter_human, of every institution: zh-Hant, zh-Hans, en."""
        found: list[Fields] = self.flows["ring"]["responses"]["utter_human"]
        return found

    def problems(self) -> list[str]:
        facts = self._written()
        return [problem.replace(str(facts), "facts") for problem in check_content(facts, self.folder / "data", TODAY)]

    def table(self, in_colour: bool = False) -> list[str]:
        """Return the lines of the coverage table."""
        return coverage(self._written(), self.folder / "data", TODAY, in_colour)

    def _written(self) -> Path:
        self._write("domain.yml", {"intents": self.intents})
        kinds = {"institutions": self.institutions, "flows": self.flows, "topics": self.topics, "page": self.page}
        for kind, files in kinds.items():
            for name, fields in files.items():
                self._write(f"data/{kind}/{name}.yml", fields)
        for name, content in (self.facts or {}).items():
            self._write(f"facts/{name}.yml", content)
        for name, text in self.texts.items():
            self._write_text(name, text)
        return self.folder / "facts"

    def problem(self) -> str:
        """Return the only problem, without its place."""
        problems = self.problems()
        assert len(problems) == 1, problems
        return problems[0].split(": ", 1)[1]

    def place(self, file: str, text: str) -> str:
        """Return `file:line` of the one line that has `text`."""
        lines = (self.folder / file).read_text(encoding="utf-8").splitlines()
        (line,) = (number for number, line in enumerate(lines, 1) if text in line)
        return f"{file}:{line}"

    def _write(self, name: str, content: Any) -> None:
        self._write_text(name, yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000))

    def _write_text(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as a block, as editors do, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def variations(institution: str | None) -> list[Fields]:
    """Return one variation a language."""
    where = {"institution": institution} if institution else {}
    texts = {"zh-Hant": "請打 {hotline}。", "zh-Hans": "请拨打 {hotline}。", "en": "Call {hotline}."}
    return [{"text": text, "metadata": {**where, "language": language}} for language, text in texts.items()]


def _institution(id_: str, jurisdiction: str, hant: str, hans: str, en: str, hotline: str, mailbox: str) -> Fields:
    return {
        "id": id_,
        "name": {"zh-Hant": hant, "zh-Hans": hans, "en": en},
        "brand": hant,
        "jurisdiction": jurisdiction,
        "timezone": "Asia/Taipei",
        "stated": {
            "hotline": hotline,
            "mailbox": mailbox,
            "path": "設定區 > 電子憑證夾 > 燈號",
            "sender": "示範燈務處",
        },
        "default": {"link_trust": "full"},
        "limits": {
            "hotline_hours": {"days": [1], "open": "08:00", "close": "19:00"} if jurisdiction == "TW" else None,
            "otp_digits": 6,
            "otp_ttl_seconds": {"sms": 300},
            "otp_resend_seconds": 60,
            "otp_wrong_attempts": 3,
            "sends_codes": False,
            "self_unlock_per_day": None,
            "platforms": [],
        },
        "placeholders": {"hotline": hotline, "mailbox": mailbox, "digits": "6"},
    }


def _topic(id_: str, *institutions: str) -> Fields:
    answer = {"zh-Hant": "請打 {hotline}。", "zh-Hans": "请拨打 {hotline}。", "en": "Please call {hotline}."}
    return {
        "topic": id_,
        "title": {"zh-Hant": "燈號", "zh-Hans": "灯号", "en": "The lamp"},
        "source": {institution: ["hotline"] for institution in institutions},
        "reviewed": TODAY,
        "expires": date(2027, 11, 20),
        "examples": {
            "zh": [f"{id_} 測試問題 {number}" for number in range(24)],
            "en": [f"{id_} test question {number}" for number in range(10)],
            "mixed": [f"{id_} 測試 question {number}" for number in range(6)],
        },
        "answers": {institution: dict(answer) for institution in institutions},
    }
