"""A message that only makes sense after the one before: 那期貨呢, `and by e-mail?`, 為什麼, 要等幾耐."""

from __future__ import annotations

import re

_LONGEST = 24  # characters; longer ones say what they are about
_SHORT = 12
_BEGINS = r"那[麼么]?|咁|噉|如果|要是|若是|[換换改]成|[換换]作|同[樣样]|一[樣样]"
_LEANS = re.compile(
    rf"^(?:{_BEGINS})?[^?？]{{0,16}}[呢咧]\s*[?？!！。~～]*$"
    r"|^(?:那[麼么]?|咁|噉|[換换改]成)"
    r"|^(?:and|or|what about|how about|but|then|same for|also for|what if)\b",
    re.IGNORECASE,
)
# A question in words that name nothing: 為什麼不行, 要怎麼改, `how long does it take`.
_ASKS = re.compile(
    r"[為为][什甚]?[麼么何]|[點点]|[怎咋]|如何|[幾几多][久耐天日時时長长]|[哪何邊边]|什[麼么]|乜|[嗎吗咩呢嘛]|然[後后]"
    r"|(?:可|能|[會会]|要|行|得)[不唔]|真的|\b(?:why|how|when|where|what|which|really|can|do|does|is|must|should|will)\b"
    r"|\b(?:since|for)\b",
    re.IGNORECASE,
)
# No word of it fits two branches: a text of 24 characters would be tried in all ways.
_NAMES_NOTHING = re.compile(
    r"(?:[咁噉所以但可是然後后之接下來来跟住就才再又還还也都先只]|[為为][什甚]?[麼么何]|什[麼么]|乜嘢?|[點点][樣样解算]?|[怎咋][麼么]?[樣样]?|如何"
    r"|[要會会能得行不唔沒没冇有需必須须應应該该想]|多[久少長长]|[幾几][久耐天日時时]|[時时][間间候]|[從从由到去在喺等]|哪[裡里邊边兒儿]?|[邊边]度?"
    r"|[改換换弄整做辦办開开填用找申請请設设定]|[處处]理|更[新改]|[變变]更|解[決决]?|操作|生效|完成|一[次下定]|[我你您它佢她他]|[這这呢嗰那][個个樣样]?"
    r"|[的嘅了咗呀啊嗎吗咩嘛喔耶啦吖喎真]|[\s,，。.!！?？~～、…])+",
)
_NAMES_NOTHING_IN_ENGLISH = re.compile(
    r"(?:(?:and|but|so|then|ok|okay|why|how|come|when|where|what|which|really|long|soon|often|much|many|exactly|next|now"
    r"|is|are|does|do|did|can|could|will|would|should|must|may|have|has|need|to|not|i|it|they|that|this|you|me|my|the|a"
    r"|take|takes|wait|change|update|fix|solve|get|set|use|happens?|else|again|still|for|since|until|from|in|on|of|by|be"
    r"|steps?|can't|don't|doesn't|isn't|what's)\b[\s,.?!]*)+",
    re.IGNORECASE,
)


def may_follow(text: str) -> bool:
    """Return whether `text` is so short that it may go on with what was said before: 人在國外, 多久能好."""
    text = text.strip()
    return 0 < len(text) <= _SHORT * (3 if text.isascii() else 1)


def follows(text: str) -> bool:
    """Return whether `text` leans on what was said before."""
    text = text.strip()
    if not 0 < len(text) <= _LONGEST * (2 if text.isascii() else 1):
        return False
    return bool(_LEANS.search(text)) or (bool(_ASKS.search(text)) and _names_nothing(text))


def _names_nothing(text: str) -> bool:
    return bool(_NAMES_NOTHING.fullmatch(text) or _NAMES_NOTHING_IN_ENGLISH.fullmatch(text))
