"""What one text may not say: characters of the other script, words of another place, another firm's contacts.

Functions of values: a text in, findings out. `checks.py` knows the files they are in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import opencc

from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES
from bot.contracts.redaction import ascii_digits

MOST_CHARACTERS = 350  # of a Chinese answer, outside its numbered steps: it is read on a phone
MOST_WORDS = 120  # of an English one
MOST_TITLE_CHARACTERS = 12  # a title is a button
MOST_TITLE_WORDS = 5

# Said at the key's place: the wrong word, and the one to write.
WORDS_OF_ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "Taiwan": {
        "短信": "簡訊", "短訊": "簡訊", "郵箱": "信箱", "電郵": "信箱", "登錄": "登入", "證書": "憑證", "戶口": "帳戶",
        "賬號": "帳號", "賬戶": "帳戶", "手提電話": "手機", "軟件": "軟體", "硬件": "硬體", "網絡": "網路",
        "網上": "線上", "質量": "品質", "信息": "訊息", "視頻": "影片", "默認": "預設", "鏈接": "連結", "屏幕": "螢幕",
        "點擊": "點選", "打印": "列印", "文件夾": "資料夾", "服務器": "伺服器", "二維碼": "QR Code",
        "運營商": "電信公司", "電訊商": "電信公司", "落盤": "下單",
    },
    "Hong Kong": {
        "簡訊": "短訊", "短信": "短訊", "憑證": "證書", "信箱": "電郵", "郵箱": "電郵", "軟體": "軟件", "網路": "網絡",
        "線上": "網上", "行動電話": "手提電話", "品質": "質素", "質量": "質素", "數位": "數碼", "下單": "落盤",
        "登錄": "登入", "信息": "訊息", "視頻": "影片", "默認": "預設", "鏈接": "連結", "點擊": "按",
        "二維碼": "QR Code", "運營商": "電訊商", "嘅": "的", "咗": "了", "唔": "不", "冇": "沒有", "喺": "在",
    },
    "mainland China": {
        "简讯": "短信", "短讯": "短信", "凭证": "证书", "信箱": "邮箱", "电邮": "邮箱", "登入": "登录", "帐号": "账号",
        "帐户": "账户", "户口": "账户", "行动电话": "手机", "手提电话": "手机", "软体": "软件", "网路": "网络",
        "资讯": "信息", "讯息": "消息", "品质": "质量", "数位": "数字", "程式": "程序", "档案": "文件", "预设": "默认",
        "连结": "链接", "萤幕": "屏幕", "滑鼠": "鼠标", "资料夹": "文件夹", "伺服器": "服务器", "电讯商": "运营商",
        "落盘": "下单",
    },
}  # fmt: skip
_OTHER_WORDS = ("官網上", "無線上網")  # have a wrong word in them and are not meant

# Simplified in form, and ordinary in Traditional text as well: 台北, 皇后, 公里, 干擾, 人云亦云, 茶几, 于右任 …
_IN_BOTH_SCRIPTS = frozenset(
    "台后里干云几于准斗占征群床游采冲郁吁厘咸丑仆朴杰丰凶岩灶熏痴皂涌淀范粽吃晒秘伙佣划咨唇夸岳峰雇霉"
)

_STEP = re.compile(r"^\s*\d+[.．、]")
_QUOTED = re.compile(r"[「『“《]([^」』”》]+)[」』”》]")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NAME = re.compile(r"[\u3400-\u9fff]{3,}")  # a product, menu or document, in facts that are otherwise English
_NUMBER = re.compile(r"\+?\d(?:[ ()-]{0,2}\d)+")
_BRACES = re.compile(r"[{｛][^{}｛｝]*[}｝]?|[}｝]")
_LEAST_DIGITS = 7  # of a phone number


class Finding(NamedTuple):
    """Something wrong in a text: the word by which its line is found, and the sentence."""

    word: str
    says: str


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with every known placeholder filled in."""
    return _BRACES.sub(lambda match: values.get(match.group()[1:-1], match.group()), text)


def unknown_placeholders(text: str, known: Collection[str]) -> Iterator[Finding]:
    for braces in _BRACES.findall(text):
        if braces not in {f"{{{name}}}" for name in known}:
            yield Finding(braces, f"{braces} is not filled in here; write one of {', '.join(sorted(known))}.")


def other_script(text: str, language: str, institution: Institution) -> Iterator[Finding]:
    """Characters that only the other script has, but for names that the facts write so, quoted."""
    facts = str(institution.facts)
    names = [quoted for quoted in _QUOTED.findall(text) if quoted in facts]
    for character in dict.fromkeys(_without(text, [*names, *LANGUAGE_NAMES.values()])):
        right = _in_script(character, language)
        if right != character:
            kind = "Simplified" if language == "zh-Hant" else "Traditional"
            yield Finding(character, f"{character} is a {kind} character in a {language} text; write {right}.")


def words_of_elsewhere(text: str, language: str, institution: Institution) -> Iterator[Finding]:
    """Words that are not said where the reader is, but for the names of the institution's own products."""
    place = _place(language, institution)
    names = [_in_language(name, language) for name in _NAME.findall(str(institution.facts))]
    plain = _without(text, [*names, *_OTHER_WORDS])
    for word, right in WORDS_OF_ELSEWHERE.get(place, {}).items():
        if word in plain:
            yield Finding(word, f"{word} is not what people say in {place}; write {right}.")


def contacts_of_others(text: str, institution: Institution, all_: Iterable[Institution]) -> Iterator[Finding]:
    """Phone numbers, mailboxes, addresses and names of another institution than the reader's."""
    numbers = [(run, ascii_digits(run)) for run in _NUMBER.findall(text)]
    for other in all_:
        foreign = {n for n in other.published_numbers - institution.published_numbers if len(n) >= _LEAST_DIGITS}
        found = [run for run, digits in numbers if any(number in digits for number in foreign)]
        addresses = {value for value in other.placeholders.values() if "@" in value or "://" in value}
        own = {*institution.placeholders.values(), *institution.name.values(), institution.brand}
        found += [word for word in {*addresses, *other.name.values(), other.brand} - own if word in text]
        for word in found:
            yield Finding(
                word, f"{word} is {other.id}'s, and this is read by customers of {institution.id}; remove it."
            )


def too_long(text: str, language: str) -> Iterator[Finding]:
    """More than a worried customer reads, numbered steps aside."""
    prose = "\n".join(line for line in text.splitlines() if not _STEP.match(line))
    count, most, unit = _length(prose, language, MOST_CHARACTERS, MOST_WORDS)
    if count > most:
        yield Finding("", f"has {count} {unit} outside numbered steps; shorten it to {most}, or number its steps.")


def title_too_long(title: str, language: str) -> Iterator[Finding]:
    count, most, unit = _length(title, language, MOST_TITLE_CHARACTERS, MOST_TITLE_WORDS)
    if count > most:
        yield Finding("", f"the title has {count} {unit} and is a button; shorten it to {most}.")


def _length(text: str, language: str, characters: int, words: int) -> tuple[int, int, str]:
    if language == "en":
        return len(text.split()), words, "words"
    return len("".join(text.split())), characters, "characters"


def _place(language: str, institution: Institution) -> str:
    if language == "zh-Hans":
        return "mainland China"
    return ("Taiwan" if institution.jurisdiction == "TW" else "Hong Kong") if language == "zh-Hant" else ""


def _without(text: str, names: Iterable[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def _in_script(character: str, language: str) -> str:
    if language == "en" or not _CHINESE.match(character):
        return character
    if language == "zh-Hans":
        return _convert("t2s", character)
    if character in _IN_BOTH_SCRIPTS or _convert("t2s", character) != character:
        return character
    return _convert("s2t", character)


def _in_language(name: str, language: str) -> str:
    return _convert("t2s", name) if language == "zh-Hans" else name


@lru_cache(maxsize=8192)
def _convert(table: str, text: str) -> str:
    return str(_converter(table).convert(text))


@lru_cache(maxsize=2)
def _converter(table: str) -> opencc.OpenCC:
    return opencc.OpenCC(table)
