"""One spelling for one meaning: script, width, place, spelling and keyboard make no difference; what is meant does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import opencc
import pytest
from pypinyin import Style, lazy_pinyin
from rasa.shared.importers.importer import TrainingDataImporter

from bot.content.topics import load_topics
from bot.engine.understanding.bopomofo import without_bopomofo
from bot.engine.understanding.characters import plain_characters
from bot.engine.understanding.concepts import Lexicon, read_entries
from bot.engine.understanding.keyboard import decoded
from bot.engine.understanding.model import Understanding
from bot.engine.understanding.normaliser import normalise
from bot.engine.understanding.wordings import (
    CANTONESE,
    CANTONESE_MARKS,
    CANTONESE_PATTERNS,
    ENGLISH,
    ENGLISH_IN_CHINESE,
    SYNONYMS,
)

SCRIPTS = ("s2t", "s2tw", "s2hk", "t2s", "tw2s", "hk2s")
HAN = re.compile("[\u3400-\u9fff]")
SOME_TOPICS = ("notice_opt_out", "otp_validity", "phone_lost", "hotline")


@pytest.fixture(scope="module")
def examples(importer: TrainingDataImporter) -> list[str]:
    """Every example of data/topics and data/flows."""
    return [str(example.get("text")) for example in importer.get_nlu_data().intent_examples]


@pytest.fixture(scope="module")
def in_chinese(examples: list[str]) -> list[str]:
    return [text for text in examples if HAN.search(text)]


@pytest.fixture(scope="module")
def in_latin(examples: list[str]) -> list[str]:
    return [text for text in examples if text.isascii()]


# --- script, place, width ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_is_the_same_in_every_script(in_chinese: list[str], script: str) -> None:
    convert = opencc.OpenCC(script).convert
    assert [text for text in in_chinese if normalise(convert(text)) != normalise(text)] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_word_of_the_lexicon_is_the_same_in_every_script(script: str) -> None:
    convert = opencc.OpenCC(script).convert
    words = [word for entries in read_entries().values() for word in entries]
    assert [word for word in words if normalise(convert(word)) != normalise(word)] == []


@pytest.mark.parametrize(
    "variants",
    [
        "臺台",
        "裡里裏",
        "後后",
        "乾干",
        "隻只",
        "著着",
        "甚什",
        "麼么麽",
        "衞衛卫",
        "綫線线",
        "啓啟启",
        "說説说",
        "覆復复",
        "餘馀余",
        "錶表",
        "髮發发",
        "妳你",
        "俱具",
        "峯峰",
    ],
)
def test_variants_of_a_character_are_one(variants: str) -> None:
    assert len({plain_characters(variant) for variant in variants}) == 1


def test_a_character_of_hong_kong_does_not_leave_what_features_see() -> None:
    # OpenCC's Simplified of 嗰 is outside the basic plane, where no n-gram is looked for.
    assert plain_characters("嗰𠮶") == "嗰嗰"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("通知信可以關掉嗎", "通知信可以关掉吗"),
        ("簡訊驗證碼過期了", "短信验证码过期了"),
        ("短訊驗證碼過期了", "短信验证码过期了"),
        ("憑證", "证书"),
        ("帳戶鎖住了", "账户锁住了"),
        ("電子郵件", "邮件"),
        ("登入", "登录"),
        ("行動電話", "手機"),
        ("流動電話", "手机"),
        ("網路", "网络"),
        ("戶口", "賬戶"),
        ("解鎖", "解凍"),
        ("軟體令牌", "软件令牌"),
        ("應用程式", "应用程序"),
        ("螢幕", "屏幕"),
        ("熒幕", "屏幕"),
        ("停用", "禁用"),
        ("啟用", "激活"),
        ("設定", "设置"),
        ("身分", "身份"),
        ("臉部辨識", "人脸识别"),
        ("帳密", "账号密码"),
        ("下禮拜", "下星期"),
        ("如何解鎖", "怎么解锁"),
        ("咋办", "怎么办"),
        ("甚麼", "什么"),
        ("您的", "你的"),
    ],
)
def test_words_of_three_places_for_one_thing_are_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＯＴＰ", "otp"),
        ("ＡＢＣ１２３", "abc123"),
        ("Ｈｅｌｌｏ", "hello"),
        ("café naïve", "cafe naive"),
        ("通知信\u200b可以\ufeff關掉\u00ad嗎", "通知信可以關掉嗎"),
        ("通知信  可以\n關掉", "通知信 可以 關掉"),
        ("通知信\u3000可以關掉", "通知信 可以關掉"),
        ("OTP codes", "otp codes"),
        ("救命啊啊啊啊啊啊啊啊", "救命啊"),
        ("急急急急", "急"),
        ("helllllp", "hellllllllp"),
        ("❤\ufe0f救命", "❤救命"),
        ("驗 證 碼 收 不 到", "驗證碼收不到"),
        ("驗😡證🙏碼", "驗證碼"),
        ("1直收不到", "一直收不到"),
        ("收了3次", "收了三次"),
        ("收了2次", "收了兩次"),
        ("第2步", "第二步"),
    ],
)
def test_how_it_is_written_makes_no_difference(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("text", ["24小時", "3.5折", "10分鐘", "2026/11/20", "a1級", "02-2881開頭"])
def test_a_number_of_several_digits_stays_a_number(text: str) -> None:
    assert [c for c in normalise(text) if c.isdigit()] == [c for c in text if c.isdigit()]


def test_repeated_digits_are_not_shortened() -> None:
    assert normalise("900000018") == "900000018"


def test_emoji_leave_no_trace() -> None:
    assert normalise("😡通知信🙏關掉👍") == normalise("通知信 關掉")


def test_a_script_that_is_not_ours_keeps_its_vowels() -> None:
    assert normalise("हेल्लो") == unicodedata.normalize("NFKC", "हेल्लो")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b",
        "🙂",
        "\x00",
        "？？",
        "\ue000",
        "\ud800",
        "ㄅㄆㄇㄈ",
        "ˇˇ",
        "a" * 5000,
        "字" * 5000,
        "u4" * 2500,
        "ㄅ" * 5000,
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_anything_can_be_normalised(text: str) -> None:
    assert isinstance(normalise(text), str)


def test_normalising_again_changes_nothing(examples: list[str]) -> None:
    normal = [normalise(text) for text in examples]
    assert [text for text in normal if normalise(text) != text] == []


# --- Cantonese --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cantonese", "written"),
    [
        ("點樣解鎖呀唔該", "怎么解锁呀请"),
        ("邊度改電話嘅", "哪里改电话的"),
        ("幾時先得咗", "什么时候先得了"),
        ("收唔到短訊", "收不到短信"),
        ("冇收到嘅電郵", "没有收到的邮件"),
        ("佢哋係咪騙我", "他们是不是骗我"),
        ("呢封信係咪你哋寄嘅", "这封信是不是你们寄的"),
        ("部機唔見咗點算", "部机丢了怎么办"),
        ("個碼幾耐先嚟", "个码多久先来"),
        ("幾多錢呀", "多少钱呀"),
        ("琴日撳錯咗", "昨天按错了"),
        ("邊張證書唔啱", "哪张凭证不啱"),
        ("仲有冇其他方法", "还有没有其他方法"),
        ("話我知點解鎖咗", "告诉我为什么锁了"),
    ],
)
def test_cantonese_reads_as_written_chinese(cantonese: str, written: str) -> None:
    assert normalise(cantonese) == written


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("九點係咪開市", "九点"),
        ("我點擊咗條連結", "点击"),
        ("有啲關係", "关系"),
        ("個系統唔得", "系统"),
        ("仲介公司係咪呃人嘅", "仲介"),
        ("右邊嗰個掣", "右边"),
    ],
)
def test_in_cantonese_too_a_character_that_means_something_else_stays(text: str, kept: str) -> None:
    assert kept in normalise(text)


@pytest.mark.parametrize("text", ["九点", "系统", "返回首页", "点进去", "今日开盘", "仲介"])
def test_a_message_without_cantonese_keeps_its_characters(text: str) -> None:
    assert normalise(text) == text


# --- the tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        [*CANTONESE, *CANTONESE.values(), CANTONESE_MARKS, *CANTONESE_PATTERNS],
        [*SYNONYMS, *SYNONYMS.values()],
        [*ENGLISH, *ENGLISH_IN_CHINESE.values()],
    ],
    ids=["cantonese", "synonyms", "english"],
)
def test_the_tables_are_in_the_characters_that_they_are_compared_with(words: Sequence[str]) -> None:
    assert [word for word in words if plain_characters(word) != word] == []


def test_what_a_word_becomes_does_not_become_something_else() -> None:
    becomes = {**SYNONYMS, **ENGLISH_IN_CHINESE}
    assert [word for word in becomes.values() if becomes.get(word, word) != word] == []


# --- English ----------------------------------------------------------------------------------------------------------


def test_english_by_itself_stays_english() -> None:
    assert normalise("where is my OTP certificate") == "where is my otp certificate"


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("我的OTP過期了", "我的验证码过期了"),
        ("忘記passwords", "忘记密码"),
        ("e-mail沒收到", "邮件没收到"),
        ("email 沒收到", "邮件 没收到"),
        ("certificate過期", "凭证过期"),
    ],
)
def test_an_english_word_among_chinese_is_the_chinese_one(written: str, same: str) -> None:
    assert normalise(written) == same


def test_an_english_word_counts_only_as_a_whole() -> None:
    assert normalise("adoptpwx 是什麼") == "adoptpwx 是什么"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("i forgot my passwrod", "i forgot my password"),
        ("my certifcate is expierd", "my certificate is expired"),
        ("did not recieve the verfication mesage", "did not receive the verification message"),
        ("two authentification steps", "two authentication steps"),
        ("my accouts are lockd", "my accounts are locked"),
        ("no emials, no mails", "no emails, no e-mails"),
        ("我的passwrod", "我的password"),
    ],
)
def test_a_common_misspelling_is_the_word_that_is_meant(misspelt: str, meant: str) -> None:
    assert normalise(misspelt) == normalise(meant)


# --- 注音 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("好ㄌㄇ", "好了吗"),
        ("我ㄉ密碼", "我的密码"),
        ("走ㄅ", "走吧"),
        ("我ㄅ知道", "我不知道"),
        ("ㄇ有收到", "没有收到"),
        ("ㄋ好", "你好"),
        ("那我ㄋ", "那我呢"),
        ("這ㄍ碼", "这个码"),
        ("ㄎ以ㄇ", "可以吗"),
        ("收三ㄘ", "收三次"),
        ("我ㄑ哪", "我去哪"),
        ("ㄒㄒ", "谢谢"),
        ("ㄏㄏ", "呵呵"),
        ("ㄏㄞ", "嗨"),
        ("ㄧ次", "一次"),
        ("好ㄛ", "好喔"),
        ("ㄋㄧˇㄏㄠˇ", "你好"),
        ("ㄕㄡ ㄅㄨˊ ㄉㄠˋ", "收不到"),
        ("密ㄇㄚˇ", "密码"),
        ("好ㄇㄚ˙", "好吗"),
        ("為ㄕㄣˊ麼", "为什么"),
    ],
)
def test_bopomofo_typed_for_a_word_is_that_word(typed: str, meant: str) -> None:
    assert normalise(typed).replace(" ", "") == meant


@pytest.mark.parametrize("symbol", "ㄉㄋㄅㄇㄚㄛㄟㄏㄍㄎㄆㄑㄒㄓㄔㄕㄖㄗㄘㄙ")
def test_a_lone_symbol_of_bopomofo_is_some_character(symbol: str) -> None:
    assert HAN.fullmatch(without_bopomofo(symbol))


# --- the 大千 keyboard ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ("su3cl3", "你好"),
        ("SU3CL3", "你好"),
        ("ｓｕ３ｃｌ３", "你好"),
        ("su3cl3!", "你好"),
        ("yl30 ", "早安"),
        ("yl30", "早安"),
        ("ji3g4", "我是"),
        ("ji32k7au4a83", "我的密码"),
        ("u045/4a83g. 1j42l4", "验证码收不到"),
        ("1; ji3ru,3nji3", "帮我解锁"),
        ("g.3ru 1j4ru04xk7", "手机不见了"),
        ("wj/ 5 vup4dk3u3ej0 2ul4a87", "通知信可以关掉吗"),
        ("fu/3jp4 au4a83nji3xk7 ul4yp3ak7104?", "请问密码锁了要怎么办"),
        ("fu/3jp4，au4a83nji3xk7。", "请问密码锁了"),
    ],
)
def test_chinese_typed_with_the_input_method_off_is_read_as_chinese(keys: str, meant: str) -> None:
    assert normalise(keys) == meant


def test_the_space_of_a_first_tone_may_be_left_out_at_the_end() -> None:
    assert decoded("1j42l4g.3ru") == decoded("1j42l4g.3ru ") == "不到手机"


@pytest.mark.parametrize(
    "text",
    [
        "ok", "hello", "hi", "otp", "unlock", "su", "up", "mp3", "mp3 mp4", "5g", "4g", "h264", "win11", "ps5", "u3", "k9", "a4",
        "900018", "12345678901234", "070/01/01", "2026/11/20", "11-20", "0912-345-678", "02-2881", "3467", "1,234.56", "$12.50",
        "nt$300", "100.5", "-1.5%", "24/7", "1/2", "3;4", "a123456789", "er-20261120-0018", "ref 20261120", "tx0018",
        "https://example.com/a?b=3", "www.example.com", "demo@example.com", "example.com/a4",
        "passw0rd", "p@ssw0rd", "hunter2", "qwerty123", "abc123", "1qaz2wsx", "1q2w3e4r", "demo1234", "iloveyou4", "letmein7",
        "c83f2a", "0x1f4", "3f2504e0-4f89-11d3", "a1b2c3d4", "deadbeef", "4a6f",
        "i have 3", "2 codes", "wait 4 days", "code 6347", "call 0800", "no 7",
    ],
)  # fmt: skip
def test_english_numbers_codes_and_links_are_not_taken_for_the_keyboard(text: str) -> None:
    assert decoded(text) is None


def test_no_latin_example_is_taken_for_the_keyboard_but_those_that_are_typed_on_it(in_latin: list[str]) -> None:
    assert {text for text in in_latin if decoded(plain_characters(text)) is not None} == {"su3cl3"}


def test_two_or_three_words_of_an_english_example_are_not_taken_for_the_keyboard(in_latin: list[str]) -> None:
    pieces = set()
    for text in in_latin:
        words = plain_characters(text).split()
        pieces |= {" ".join(words[i : i + size]) for size in (1, 2, 3) for i in range(len(words) - size + 1)}
    assert {piece for piece in pieces if decoded(piece) is not None} == {"su3cl3"}


KEYS = dict(
    zip(
        "ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒㄓㄔㄕㄖㄗㄘㄙㄧㄨㄩㄚㄛㄜㄝㄞㄟㄠㄡㄢㄣㄤㄥㄦˊˇˋ˙",
        "1qaz2wsxedcrfv5tgbyhnujm8ik,9ol.0p;/-6347",
        strict=True,
    )
)


def typed(text: str) -> str:
    """Return the keys for the characters of `text`."""
    syllables = lazy_pinyin("".join(HAN.findall(text)), style=Style.BOPOMOFO)
    keys = ["".join(map(KEYS.__getitem__, syllable)) for syllable in syllables]
    return "".join(key if key[-1] in "3467" else f"{key} " for key in keys).strip()


@pytest.fixture(scope="module")
def on_the_keyboard(in_chinese: list[str]) -> dict[str, str]:
    """Examples of Chinese alone, not Cantonese and long enough to be recognised: every third, and its keys."""
    others = re.compile(f"[a-z0-9ㄅ-ㄩ]|{CANTONESE_MARKS}")
    texts = ["".join(HAN.findall(text)) for text in map(plain_characters, in_chinese) if not others.search(text)]
    return {text: typed(text) for text in texts[::3] if len(text) > 4}


def test_almost_every_example_is_recognised_when_typed_on_the_keyboard(on_the_keyboard: dict[str, str]) -> None:
    recognised = sum(decoded(keys) is not None for keys in on_the_keyboard.values())
    assert recognised / len(on_the_keyboard) >= 0.995


def test_what_is_typed_on_the_keyboard_becomes_the_characters_that_are_meant(on_the_keyboard: dict[str, str]) -> None:
    read = {meant: decoded(keys) or "" for meant, keys in on_the_keyboard.items()}
    same = sum(a == b for meant, got in read.items() for a, b in zip(meant, got, strict=False))
    assert same / sum(map(len, read)) >= 0.94


def test_a_message_typed_on_the_keyboard_lands_where_it_would_have() -> None:
    topics = load_topics()
    pairs = [(text, id_) for id_ in SOME_TOPICS for text in topics[id_].all_examples]
    model = Understanding.train([t for t, _ in pairs], [i for _, i in pairs], Lexicon(read_entries()))
    others = re.compile(f"[a-z0-9ㄅ-ㄩ]|{CANTONESE_MARKS}")
    asked = [text for text, _ in pairs if HAN.search(text) and not others.search(plain_characters(text))]
    same = sum(model.probabilities(typed(text)).argmax() == model.probabilities(text).argmax() for text in asked)
    assert same / len(asked) >= 0.95
