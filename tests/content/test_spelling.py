"""The plain form of names: the same for all the ways to write one, and no character moves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.content.institutions import Institution, load_institutions
from bot.content.spelling import compact, plain

INSTITUTIONS = load_institutions()
deterministic = settings(derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    "text", ["e指發", "E指發", "ｅ指發", "e指发", "e 指 發", "e_指發", "e-指發", "e－指發", "e\u200b指發", "（e）指發"]
)
def test_width_case_script_and_gaps_do_not_tell_names_apart(text: str) -> None:
    assert compact(text) == "e指发"


@pytest.mark.parametrize(
    ("text", "form"), [("ＸＱ　１２", "xq 12"), ("٣", "3"), ("臺灣—櫃檯", "台湾-柜台"), ("a\nb", "a b")]
)
def test_the_plain_form_is_narrow_small_and_simplified(text: str, form: str) -> None:
    assert plain(text) == form


@deterministic
@given(st.text(max_size=60))
def test_no_character_moves(text: str) -> None:
    assert len(plain(text)) == len(text)


@pytest.mark.parametrize("one", INSTITUTIONS.values(), ids=INSTITUTIONS)
def test_every_platform_has_spellings(one: Institution) -> None:
    assert set(one.platform_spellings) == set(one.platforms)


@pytest.mark.parametrize("one", INSTITUTIONS.values(), ids=INSTITUTIONS)
def test_an_ordinary_word_holds_a_spelling(one: Institution) -> None:
    # Otherwise there is no reason to name it.
    spellings = [compact(s) for name, own in one.platform_spellings.items() for s in (name, *own)]
    assert [word for word in one.no_platforms if not any(s in compact(word) for s in spellings)] == []


@pytest.mark.parametrize("one", INSTITUTIONS.values(), ids=INSTITUTIONS)
def test_no_spelling_is_so_short_that_it_fits_anywhere(one: Institution) -> None:
    spellings = [s for own in one.platform_spellings.values() for s in own] + list(one.names_spelled)
    assert [s for s in spellings if len(compact(s)) < 2] == []
