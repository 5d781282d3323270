"""Days as customers write them, in both calendars and told from today.

All patterns work on the plain form of a message (`bot.content.spelling`): Simplified, narrow, lower case.
A find covers the part of the day and the clock that follow the day: 今天早上九點, yesterday at 9 am.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

ROC_YEARS = range(1, 151)
YEARS = range(1900, 2200)
VEIL = "□"  # what is taken already
_ROC = 1911  # added to a year of the ROC calendar
_FAR_AHEAD = timedelta(days=183)


class Day(NamedTuple):
    """A day and where it is in the message."""

    start: int
    end: int
    day: date


class Today(NamedTuple):
    """What a day without a year, or told from today, depends on."""

    now: datetime  # in the institution's zone
    day_first: bool = False  # 5/11 is in November

    @property
    def date(self) -> date:
        return self.now.date()


Read = Callable[["re.Match[str]", Today], "date | None"]


def find_days(plain: str, today: Today) -> list[Day]:
    """Return the days in the plain form of a message; impossible ones (2/30) are none."""
    found: list[Day] = []
    has_digit = any(character.isdigit() for character in plain)
    for needs_digit, pattern, read in _RULES:
        if needs_digit and not has_digit:
            continue
        matches = list(pattern.finditer(plain))
        for match in matches:
            day = read(match, today)
            if day:
                found.append(Day(*match.span(), day))
        if matches:  # also what was impossible: 2026/2/30 is not 26/2 either
            plain = pattern.sub(lambda match: VEIL * len(match.group()), plain)
    return sorted(found)


# --- readers: from what a pattern found to a day ------------------------------------------------------


def _full(found: re.Match[str], today: Today) -> date | None:
    """Read year, month and day; a year of two or three digits, or after 民國, is of the ROC calendar."""
    written, year = found["year"], int(found["year"])
    if found["roc"] or len(written) == 3 or (len(written) == 2 and written[0] != "0" and found["gap"] != "."):
        year = year + _ROC if year in ROC_YEARS else 0  # 17.5.1 is a version
    return _day(year, int(found["month"]), int(found["day"]))


def _year_last(found: re.Match[str], today: Today) -> date | None:
    month, day = _ordered(int(found["a"]), int(found["b"]), today.day_first)
    return _day(int(found["year"]), month, day)


def _slashed(found: re.Match[str], today: Today) -> date | None:
    if found["a"] == "24" and found["b"] == "7":
        return None
    return _lately(*_ordered(int(found["a"]), int(found["b"]), today.day_first), today)


def _month_and_day(found: re.Match[str], today: Today) -> date | None:
    return _lately(int(found["month"]), int(found["day"]), today)


def _in_han(found: re.Match[str], today: Today) -> date | None:
    month, day = _number(found["month"]), _number(found["day"])
    if not found["year"]:
        return _lately(int(month), int(day), today)
    year = int("".join(str(_HAN_DIGITS.index(digit) % 10) for digit in found["year"]))
    return _day(year + _ROC if len(found["year"]) == 3 else year, int(month), int(day))


def _day_of_month(found: re.Match[str], today: Today) -> date | None:
    first = today.date.replace(day=1)
    for _ in range(found["which"].count("上")):
        first = (first - timedelta(days=1)).replace(day=1)
    return _day(first.year, first.month, int(found["day"]))


def _english(found: re.Match[str], today: Today) -> date | None:
    month, day = _MONTHS.index(found["month"][:3]) + 1, int(found["day"])
    return _day(int(found["year"]), month, day) if found["year"] else _lately(month, day, today)


def _ago(found: re.Match[str], today: Today) -> date | None:
    unit = next(name for name, words in _UNITS.items() if found["unit"] in words)
    return (today.now - timedelta(**{unit: _number(found["count"])})).date()


def _told(found: re.Match[str], today: Today) -> date | None:
    days = next(number for number in range(len(_TOLD)) if found[f"ago{number}"])
    return today.date - timedelta(days=days)


def _weekday(found: re.Match[str], today: Today) -> date | None:
    """Read 上週五 by the week, and 從週五, 週五早上 as the latest that was; 每週五, 到週五 are no day."""
    number = "一二三四五六日天".index(found["weekday"]) % 7 if found["weekday"] != "天" else 6
    which, before = found["which"] or "", found.string[: found.start()]
    if which in ("上", "上上", "这", "本", "今"):
        monday = today.date - timedelta(days=today.date.weekday(), weeks=which.count("上"))
        return monday + timedelta(days=number)
    told = (
        found["rest"] or before.endswith(("从", "自")) or found.string.startswith(("开始", "起", "那天"), found.end())
    )
    if which or not told or before.endswith(("到", "至")):
        return None
    return today.date - timedelta(days=(today.date.weekday() - number) % 7)


def _english_weekday(found: re.Match[str], today: Today) -> date | None:
    behind = (today.date.weekday() - _WEEKDAYS.index(found["weekday"][:3])) % 7
    return today.date - timedelta(days=behind or (7 if found["which"] == "last" else 0))


def _clock(found: re.Match[str], today: Today) -> date | None:
    """Read 早上九點 as the latest that was."""
    hour = int(_number(found["hour"]))
    if found["part"] in ("下午", "傍晚", "晚上") and hour < 12:
        hour += 12
    if hour > 23:
        return None
    return today.date - timedelta(days=int(time(hour) > today.now.time()))


# --- what readers share -------------------------------------------------------------------------------


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in YEARS else None
    except ValueError:
        return None


def _lately(month: int, day: int, today: Today) -> date | None:
    """Return the day this year, or last year where that is far ahead: customers tell what has happened."""
    this_year = _day(today.date.year, month, day)
    if this_year and this_year - today.date > _FAR_AHEAD:
        return _day(today.date.year - 1, month, day)
    return this_year


def _ordered(a: int, b: int, day_first: bool) -> tuple[int, int]:
    """Return month and day of `a`/`b`; where both could be the month, as it is usual at the institution."""
    return (b, a) if a > 12 or (day_first and b <= 12) else (a, b)


def _number(written: str) -> float:
    """Return the value of 12, 十二, 廿三, 半, a, two."""
    if written.isdigit():
        return int(written)
    if written in _NUMBERS:
        return _NUMBERS[written]
    tens, ten, ones = written.replace("两", "二").replace("廿", "二十").partition("十")
    if not ten:
        return _HAN_DIGITS.index(tens[0])
    return 10 * (_HAN_DIGITS.index(tens[0]) if tens else 1) + (_HAN_DIGITS.index(ones[0]) if ones else 0)


# --- patterns -----------------------------------------------------------------------------------------

_HAN_DIGITS = "零一二三四五六七八九〇"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBERS = {
    "半": 0.5, "half an": 0.5, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_UNITS = {
    "minutes": ("分钟", "minute", "min"),
    "hours": ("小时", "钟头", "钟", "hour", "hr"),
    "days": ("天", "日", "day"),
    "weeks": ("周", "星期", "礼拜", "week"),
}
# How many days ago: in Chinese, in English. 目前日期 holds no 前日.
_TOLD = (
    ("今[天日早晚晨朝儿]|刚刚(?!好)|刚才|啱啱(?!好)|头先", "today|tonight|this (?:morning|afternoon|evening)|just now"),
    ("昨[天日晚夜早儿]|[寻琴㖊][日晚]", "yesterday|last night"),
    ("(?<![大目之以先提从])前[天日晚]", "(?:the )?day before yesterday"),
    ("大前[天日]", "three days back"),
)

_SMALL = "[一二三四五六七八九十廿两]"
_PART = "(?:大?清早|清晨|凌晨|早上|早晨|一早|上午|中午|下午|傍晚|晚上|夜晚|半夜|夜里|朝早)"
_AM = r" ?[ap]\.?m(?![a-z])\.?"
_MINUTES = "(?:钟|半|整|多|[0-9]{1,2}分?|零[一二三四五六七八九]|[二三四五]?十[一二三四五六七八九]?分?)?"
_HOUR = rf"(?:[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}})?(?:{_AM})?|[0-9]{{1,2}}{_AM}|(?:[0-9]{{1,2}}|{_SMALL}{{1,3}})点{_MINUTES})"
_REST = rf"(?P<rest>(?: ?的? ?{_PART}| (?:early |late )?(?:morning|noon|afternoon|evening|night)(?![a-z]))?(?:(?:,? at| around)? ?{_HOUR})?)"
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])\.?"
_TH = "(?:st|nd|rd|th)?(?![0-9a-z:/])"


def _rule(pattern: str, read: Read, needs_digit: bool = True) -> tuple[bool, re.Pattern[str], Read]:
    return needs_digit, re.compile(pattern + _REST), read


_RULES = (
    _rule(
        r"(?<![0-9./])(?P<roc>民国 ?)?(?P<year>[0-9]{1,4}) ?(?P<gap>[-/.年]) ?(?P<month>[0-9]{1,2}) ?(?:(?P=gap)|月)"
        r" ?(?P<day>[0-9]{1,2})(?![0-9]|[-/.][0-9])(?: ?[日号])?",
        _full,
    ),
    _rule(
        r"(?<![0-9./])(?P<a>[0-9]{1,2})(?P<gap>[-/.])(?P<b>[0-9]{1,2})(?P=gap)(?P<year>[0-9]{4})(?![0-9])", _year_last
    ),
    _rule(r"(?<![0-9./:$第#])(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})(?![0-9%]|[./:][0-9]|[步页倍])", _slashed),
    _rule(
        r"(?<![0-9])(?P<month>[0-9]{1,2}) ?月 ?(?P<day>[0-9]{1,2})"
        r"(?: ?[日号]|(?![0-9\u4e00-\u9fff])|(?=早|上午|中午|下午|晚|凌晨|开|起|就))",
        _month_and_day,
    ),
    _rule(r"(?P<which>上上个?月|上个?月|[这今]个?月|本月) ?(?P<day>[0-9]{1,2}) ?[日号]", _day_of_month),
    _rule(rf"(?<![a-z]){_MONTH} ?(?P<day>[0-9]{{1,2}}){_TH}(?:,? ?(?P<year>[0-9]{{4}})(?![0-9:]))?", _english),
    # The last: "2 may fail".
    _rule(
        rf"(?<![0-9a-z./])(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: of)?[ -]?{_MONTH}(?:,?[ -]?(?P<year>[0-9]{{4}})(?![0-9:])|(?<!may)|(?! [a-z]))",
        _english,
    ),
    _rule(
        rf"(?:(?P<year>[零〇一二三四五六七八九]{{3,4}})年)?(?<!{_SMALL})(?P<month>{_SMALL}{{1,2}})月(?P<day>{_SMALL}{{1,3}})[日号]",
        _in_han,
        needs_digit=False,
    ),
    _rule(
        rf"(?<![0-9+第.])(?P<count>[0-9]{{1,3}}|{_SMALL}{{1,3}}|半) ?个?半?(?P<unit>分钟|小时|钟头|钟|天|日|周|星期|礼拜)[之以]?前",
        _ago,
        needs_digit=False,
    ),
    _rule(
        rf"(?<![0-9a-z.])(?P<count>[0-9]{{1,3}}|{'|'.join(n for n in _NUMBERS if n.isascii())}) (?P<unit>minute|min|hour|hr|day|week)s? ago(?![a-z])",
        _ago,
        needs_digit=False,
    ),
    _rule(
        "|".join(f"(?P<ago{n}>{han}|(?<![a-z])(?:{english})(?![a-z]))" for n, (han, english) in enumerate(_TOLD)).join(
            ("(?:", ")")
        ),
        _told,
        needs_digit=False,
    ),
    # 上周一直 is "all last week", 上周三次 "three times last week".
    _rule(
        "(?P<which>上上|上|这|本|今|下下|下|每)?个?(?:周|星期|礼拜) ?"
        "(?P<weekday>一(?![直次样下个些共])|[二三四五六](?![次个天张笔十])|[日天](?![线k]))",
        _weekday,
        needs_digit=False,
    ),
    _rule(
        "(?<![a-z])(?P<which>last|since|from|this past) "
        "(?P<weekday>mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs?|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)(?![a-z])",
        _english_weekday,
        needs_digit=False,
    ),
    _rule(
        rf"(?<!每天)(?<!每日)(?<!天天)(?<!每个)(?P<part>早上|早晨|上午|清晨|凌晨|中午|下午|傍晚|晚上|朝早) ?"
        rf"(?P<hour>[0-9]{{1,2}}|{_SMALL}{{1,3}})(?:点{_MINUTES}|:[0-9]{{2}})",
        _clock,
        needs_digit=False,
    ),
)
