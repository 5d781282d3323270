"""An address of PostgreSQL as libpq writes it (PostgreSQL, Connection URIs), in the words of pg8000."""

from __future__ import annotations

import getpass
import ssl
from collections.abc import Mapping
from typing import Any

ENCRYPTION = {"disable": False, "prefer": None, "require": True}  # in pg8000's words
MODES = (*ENCRYPTION, "verify-ca", "verify-full")


def address(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `connect`; `options` as SQLAlchemy reads them out of a URL, `sslmode` and all."""
    found = {"user": getpass.getuser(), "password": "", "host": "localhost", "port": 5432, **options}
    mode, authorities = found.pop("sslmode", "prefer"), found.pop("sslrootcert", None)
    found["ssl_context"] = ENCRYPTION[mode] if mode in ENCRYPTION else _verifying(mode, authorities)
    if found["host"].startswith("/"):
        found["unix_sock"] = f"{found['host']}/.s.PGSQL.{found['port']}"
        found["ssl_context"] = False
    return found


def _verifying(mode: str, authorities: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.check_hostname = mode == "verify-full"
    return context
