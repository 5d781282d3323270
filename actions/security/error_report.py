"""New references and fingerprints of error reports (G22-G24)."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import date

# Without 0/O, 1/I/L: a reference is read out over the phone.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class ReportContent:
    """What the customer confirmed."""

    institution: str
    platform: str
    description: str
    since: str


def new_reference(day: date) -> str:
    """Return e.g. `ER-20261120-7K3M`."""
    return f"ER-{day:%Y%m%d}-" + "".join(secrets.choice(ALPHABET) for _ in range(4))


def fingerprint(content: ReportContent) -> str:
    """Return a hash by which the same key with other content is noticed."""
    return hashlib.sha256(json.dumps(asdict(content), sort_keys=True).encode()).hexdigest()
