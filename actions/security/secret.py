"""A secret is a type, so that it cannot be printed, logged or compared by accident."""

from __future__ import annotations

import hmac


class Secret:
    """Holds a code, account number, birth date or contact; prints as stars."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; the only way to it, so that every use can be found by name."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret is not a key")

    def __repr__(self) -> str:
        return "Secret(*****)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")
