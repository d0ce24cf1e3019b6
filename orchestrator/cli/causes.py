"""What is behind the code of a failure, and what mends it. Codes are all that leaves a connector (I4)."""

from __future__ import annotations

from typing import Final

CAUSES: Final = {
    "ambiguous_parent": "a child's link fits several parents: make the parent's columns unique, or link by its key",
    "broken_gz": "a compressed file is damaged: restore it, or take it out of the glob",
    "broken_parquet": "a Parquet file is damaged: restore it, or take it out of the glob",
    "constraint": "the database forbids the change (foreign key, NOT NULL, CHECK): map what refers to it",
    "corrupt": "the database file is damaged: restore it from a backup",
    "credentials": "the database refuses the login: correct user and password in `url`, or the variable of `url_env`",
    "hard_link": "a file has a second name, which a rewrite leaves as it was: remove that one (`find -samefile`)",
    "key_mismatch": "a key does not have the columns of the data map: correct `key`",
    "key_reused": "the store gave an erased record's key to a new one: see whose it is; use a key that is given once",
    "line_count": "lines before and after a rewrite do not add up; the file was left as it was: see who else writes it",
    "line_too_long": "a line is longer than 64 MiB: see what wrote it, and mend or move it",
    "max_records": "more records fit than `max_records` allows: see whether the match is too wide, then raise it",
    "missing_column": "a column of the data map is not there: run `expunge check`",
    "missing_database": "the database is not there: correct `url`",
    "missing_table": "a table of the data map is not there: run `expunge check`",
    "no_capability": "the connector cannot do this: have it done by hand, then `expunge attest`",
    "no_file": "no file fits the globs: mount the folder or correct them; `may_be_empty = true` if none is right",
    "no_rule": "the data map does not say how: add `restrict`, `stop` or `rectify`, or have it done by hand",
    "not_a_file": "something that fits the globs is no plain file: take it out of them",
    "not_null": "a correction to nothing in a column that needs a value: ask for the right value, and submit anew",
    "not_permitted": "the database user may not do it: grant SELECT, UPDATE and DELETE on the mapped tables",
    "null_key": "a record has no key: give every row one, or choose another `key`",
    "overlapping_globs": "two record sets claim the same file: let each file fit one",
    "parquet_schema": "a Parquet file has other columns than the data map: correct the map, or the glob",
    "permission": "the file or its folder cannot be read or written: give this user the rights",
    "read_only": "the store can only be read: let this user write it",
    "symlink": "a link leads out of `root`: replace it by the file, or name the real folder",
    "too_long": "a corrected value is longer than its column: ask for a shorter one, or widen the column",
    "truncated_gz": "a compressed file ends too early: wait until it is whole, or restore it",
    "unknown_field": "the data map does not let this field be corrected: add it to `rectify`, or submit without it",
    "unknown_purpose": "the data map knows no way to stop this purpose: add `stop` for it, or have it done by hand",
    "unreadable_line": "a line is not of the format in the data map: find it (for JSON: `jq . FILE`), mend or move it",
    "wrong_type": "a corrected value does not fit its column: ask for one that does, and submit anew",
}
"""By the code of a ``Failed`` outcome."""


def cause(code: str) -> str:
    """Say what is behind a code; empty where nothing more is known."""
    return CAUSES.get(code, "")
