"""Chinook as a CRM of today: columns that say what a customer's record may not be used for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_MARKS = """
ALTER TABLE Customer ADD COLUMN Restricted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE Customer ADD COLUMN MarketingOk INTEGER NOT NULL DEFAULT 1;
ALTER TABLE Customer ADD COLUMN Segment TEXT;
UPDATE Customer SET Segment = Country;
"""


def add_marks(file: Path) -> None:
    """Add the columns to a copy of the database."""
    with sqlite3.connect(file) as store:
        store.executescript(_MARKS)
    store.close()
