"""Every use case is tested on both databases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path, made: Path, database_url: str) -> Settings:
    shutil.copytree(made / "keys", tmp_path / "var" / "keys")
    return read_settings({"ANXIN_VAR": str(tmp_path / "var"), "ANXIN_SECURITY_URL": database_url})
