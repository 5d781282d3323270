"""A wish denied: 我沒有要解鎖, `I don't want to unlock`, 唔使補發. It must not start what it names.

Only the wish counts. 我沒收到驗證碼 and `it was not me` deny something else, and 不能解鎖嗎 asks.
"""

from __future__ import annotations

import re

_DENIED = re.compile(
    r"(?:沒有|没有|沒|没|不是|並非|并非|並沒有|并没有|冇話?|唔係|毋|未)(?:真的|說|说|話)?(?:要|想|打算|需要|叫|請|请|讓|让|說要|说要)"
    r"|(?:不|毋|唔)(?:需要|用|必|使|洗|想|要|打算)(?!能|會|会|可)"
    r"|(?:先|暫時|暂时)?(?:別|别|不要|唔好|咪)(?:再)?(?:幫|帮|替|給|给|同|寄|發|发|解|補|补|展|續|续|轉|转|停|鎖|锁|送)"
    r"|\b(?:do(?:n'?t| not)|did(?:n'?t| not)|am not|i'?m not|never|no longer|not)\s+(?:really\s+|even\s+)?"
    r"(?:want|wanna|need|ask(?:ed|ing)?|try(?:ing)?|wish|looking|plan(?:ning)?|say|said|mean|request(?:ed)?)\b"
    r"|\b(?:no need to|don'?t (?:unlock|send|reissue|renew|report|file|resend|lock|block|call))\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？嗎吗呢]\s*[?？]*$|為什麼|为什么|點解|可不可以|能不能|可唔可以|\b(?:why|can i|may i|do i|is it|what if)\b",
    re.IGNORECASE,
)


def denies_wish(text: str) -> bool:
    """Return whether `text` says that something is not wanted, and does not ask."""
    return bool(_DENIED.search(text)) and not _ASKS.search(text)
