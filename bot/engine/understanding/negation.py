"""A wish denied: 我沒有要解鎖, `I don't want to unlock`, 唔使補發. It must not start what it names.

Only the wish counts. 我沒收到驗證碼 and `it was not me` deny something else, and 不能解鎖嗎 asks. Who denies one thing may
want another in the same breath (不用等客服，幫我解鎖): what is said besides has to be read on its own.
"""

from __future__ import annotations

import re

_DOING = r"(?:[幫帮替給给叫讓让同寄傳传發发解補补展延續续轉转停鎖锁送改查報报回]|send)"
_DENIED = re.compile(
    r"(?:沒有|没有|沒|没|不是|並非|并非|冇話?|唔係|唔系|毋|未)(?:真的|說过?|说过?|話)?(?:要|想(?![到起過过])|打算|需要|叫|請|请|[讓让](?!我)|[說说話]要)"
    r"|(?<![要想需用必使洗])[不毋唔]再?(?:需要?|須|须|用|必|使|洗|想|要|打算)(?![能會会可說说緊紧被]|再被)|[無无][需須须]"
    rf"|(?:(?<![特個个識识分])[別别]|唔好|咪)再?{_DOING}"
    r"|(?<![還还都直也有得卻却])不(?:解[鎖锁]|[補补][發发]|展延|[續续]期?|[報报]修|回[報报]|查|[寄發发][驗验簡短])[^不,，]{0,4}[了啦喇]"
    r"|\b(?:do(?:n'?t| not)|did(?:n'?t| not)|am not|i'?m not|was(?:n'?t| not)|haven'?t|never|no longer|not)\s+(?:\w+ly\s+|even\s+)?"
    r"(?:want|wanna|need|ask(?:ed|ing)?|try(?:ing)?|wish|looking|plan(?:ning)?|say|said|mean|request(?:ed)?)\b"
    r"|\b(?:no need|(?:not|no longer) (?:needed|necessary|required)|no(?:body| one) (?:asked|wants|requested))\b"
    r"|(?:^|[,.;!]\s*|\b(?:please|pls|so|but|and|just|actually)\s+)(?:do not|don'?t)\s+(?:you\s+)?(?:dare\s+)?"
    r"(?:unlock|send|re-?issue|re-?send|re-?set|renew|extend|report|file|submit|lock|block|freeze|call|check|start|connect|transfer)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？嗎吗呢咩嘛]\s*[?？。!！]*$|[為为][什甚何]|[點点]解|[點点]算|[怎咋]|可不可以|能不能|可唔可以|是不是|[係系]咪|[會会]不[會会]|[會会]唔[會会]|得唔得|行不行|好不好"
    r"|\b(?:why|how|can i|may i|do i|should i|is it|what if|what happens)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"[卻却竟]|(?:還是|还是|但是?|結果|结果|仲)[^,，]{0,3}(?:收|來|来)|\b(?:still|but)\b[^,]{0,40}\b(?:got|get|receiv\w+)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,，、。;；!！.\n]+|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])|\s*\b(?:but|just|instead)\b\s*|\s+(?=(?:please|pls)\b)|但是?|(?=而是)"
    r"|(?<![用要必使需須须別别好再想先會会沒没不冇來来咪你您們们])(?=[請请]?[幫帮]我)",
    re.IGNORECASE,
)


def denies_wish(text: str) -> bool:
    """Return whether `text` says that something is not wanted, and neither asks nor tells what happened all the same."""
    return bool(_DENIED.search(text)) and not _ASKS.search(text) and not _TELLS.search(text)


def besides(text: str) -> str:
    """Return what `text` says in the clauses that deny no wish; empty where it only denies."""
    clauses = (clause.strip() for clause in _CLAUSE.split(text))
    return " ".join(clause for clause in clauses if clause and not _DENIED.search(clause))
