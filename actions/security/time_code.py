"""Which code of a software token is accepted: of this moment, never of the future, never twice (G3, G5).

A code belongs to a time step: step n is [n * step_seconds, (n + 1) * step_seconds) of Unix time (RFC 6238 4.2). One
that may lie `late_steps` back lives step_seconds * (1 + late_steps): at most 60 s (`institutions.yml: otp_ttl_seconds,
token`; ours for icbca, whose guide is silent). The default is one code of 60 s, not two of 30 s: as long a life for
the customer, and half the chance of a guess (G7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from actions.security.errors import OtpUsed
from actions.security.secret import Secret

LONGEST_LIFE_SECONDS = 60


@dataclass(frozen=True)
class TimeCodeRules:
    step_seconds: int = 60
    late_steps: int = 0
    digits: int = 6

    def __post_init__(self) -> None:
        if self.step_seconds < 1 or self.late_steps < 0 or self.lives_seconds > LONGEST_LIFE_SECONDS:
            raise ValueError(f"a code of a software token lives at most {LONGEST_LIFE_SECONDS} seconds")

    @property
    def lives_seconds(self) -> int:
        """Seconds from a code's first moment to its last, on a device whose clock is right."""
        return self.step_seconds * (1 + self.late_steps)


def step_at(now: datetime, rules: TimeCodeRules) -> int:
    """Return the time step of `now` (RFC 6238 4.2, T0 = 0)."""
    return int(now.timestamp() // rules.step_seconds)


def matching_step(
    entered: Secret,
    code_of: Callable[[int], Secret],
    last_step: int | None,
    now: datetime,
    rules: TimeCodeRules,
) -> int | None:
    """Return the step whose code was entered, to be stored as the last one; None for a wrong code.

    `last_step` is the last one accepted. Raise `OtpUsed` for a code of that step or an earlier one (RFC 6238 5.2;
    CVE-2021-43177 is an earlier one after a later one). Every candidate is compared, and the newest that fits is
    taken: or two steps that happen to share their digits would accept them twice.
    """
    current = step_at(now, rules)
    fitting = [step for step in range(current - rules.late_steps, current + 1) if code_of(step) == entered]
    if not fitting:
        return None
    if last_step is not None and fitting[-1] <= last_step:
        raise OtpUsed
    return fitting[-1]
