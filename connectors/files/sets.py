"""Record sets of files: the data map's own keys, and what can be wrong with them before any file is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from connectors import datamap
from connectors.datamap import DataMap, RecordSet
from connectors.errors import MisconfiguredError
from connectors.files import paths
from connectors.settings import SystemSettings

Format = Literal["text", "json", "parquet"]
_ANYWHERE = "*"


class FileSet(RecordSet, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Records in files.

    Attributes:
        files: Glob or globs, relative to the root; ``**`` stands for any number of folders.
        live: Glob or globs of files still being written to: never rewritten, looked at again after rotation.
        rotation_hours: How long at most until a live file has been rotated away.
        may_be_empty: No file at all is fine. Else it stops the work: a folder that is not mounted looks the same, and
            a misspelt glob.
    """

    files: str | tuple[str, ...]
    live: str | tuple[str, ...] = ()
    rotation_hours: int = 24
    may_be_empty: bool = False

    @property
    def globs(self) -> paths.Globs:
        """The globs as tuples."""
        return paths.Globs(_tuple(self.files), _tuple(self.live))

    def kind_of(self, name: str) -> Format:
        """Tell how a file of this name is read."""
        raise NotImplementedError

    @property
    def formats(self) -> set[Format]:
        """The formats this record set may meet, as far as the data map tells."""
        raise NotImplementedError


_FileSet = TypeVar("_FileSet", bound=FileSet)


def _tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def root_of(settings: SystemSettings) -> Path:
    """Give the folder a system's files are in.

    Raises:
        MisconfiguredError: ``root`` is missing or no text, or another option is not known.
    """
    where = f"[systems.{settings.system}]"
    unknown = sorted(set(settings.options) - {"root"})
    if unknown:
        message = f"{where}: unknown key {unknown[0]!r}"
        raise MisconfiguredError("unknown_key", message, file=settings.source, fix="known keys: root")
    root = settings.options.get("root")
    if not isinstance(root, str) or not root:
        message = f"{where}: no root"
        raise MisconfiguredError("root", message, file=settings.source, fix='root = "folder/of/the/files"')
    return settings.base / root


def load(settings: SystemSettings, kind: type[_FileSet]) -> DataMap:
    """Read the data map of a system of files.

    Raises:
        MisconfiguredError: naming file, line and fix.
    """
    loaded = datamap.load(settings.map_file, kind)
    for one in loaded.sets:
        problem = _globs(one) or _rules(one) or _places(one) or _masks(one) or _written(one)
        if problem:
            key, message, fix = problem
            raise loaded.location.wrong(f"record set {one.name!r}: {message}", one.name, key, fix=fix)
    return loaded


Problem = tuple[str, str, str] | None


def _globs(one: FileSet) -> Problem:
    if not one.globs.files:
        return "files", "no files", 'files = "access.log*"'
    for key, globs in (("files", one.globs.files), ("live", one.globs.live)):
        for glob in globs:
            wrong = paths.wrong(glob)
            if wrong:
                return key, f"{key}: {wrong}", "give a glob relative to the root, with / between folders"
    if one.rotation_hours <= 0:
        return "rotation_hours", "rotation_hours must be above 0", "hours until a live file has been rotated"
    return None


def _rules(one: FileSet) -> Problem:
    if one.erase != "delete" or one.parent is not None:
        fix = 'records in files are erased with erase = "delete"; to keep them masked use retain.mask'
        return ("parent" if one.parent is not None else "erase"), "lines of files have neither parents nor rules", fix
    if not one.match:
        return "match", "no match: nobody would ever be found", 'match.email = [{ field = "user.email" }]'
    for kind, value in one.control.items():
        if kind not in one.match:
            return "control", f"control: {kind} is not matched", "use a kind that stands under match"
        if not value:
            return "control", f"control: {kind} is empty", "name a record that is always there"
    if one.retain and one.retain.months < 0:
        return "months", "retain.months must not be negative", "months from the anchor"
    return None


def _places(one: FileSet) -> Problem:
    places = [(kind, place.field) for kind, found in one.match.items() for place in found]
    for kind, field in places:
        if "text" in one.formats and field != _ANYWHERE:
            return kind, f"match.{kind}: a text log has no fields", 'field = "*" looks anywhere in the line'
        if "parquet" in one.formats and field == _ANYWHERE:
            return kind, f"match.{kind}: '*' cannot be searched in Parquet", "name the column"
        if not field or field.strip(".") != field:
            return kind, f"match.{kind}: not a field path", 'field = "user.email"'
    empty = next((kind for kind, found in one.match.items() if not found), None)
    if empty:
        return empty, f"match.{empty}: no place", 'give at least one { field = "..." }'
    if "text" in one.formats and one.yields:
        return "yields", "yields: a text log has no fields to take identifiers from", "remove it, or write JSON logs"
    return None


def _written(one: FileSet) -> Problem:
    wrong = next((field for field in one.free_text if field not in (_ANYWHERE, "line")), None)
    if "text" in one.formats and wrong is not None:
        return "free_text", f"free_text: {wrong!r}: a text log has no fields", 'free_text = ["*"] is the whole line'
    return None


def _masks(one: FileSet) -> Problem:
    mask = one.retain.mask if one.retain else {}
    if not mask:
        return None
    searched = {place.field for places in one.match.values() for place in places}
    if "text" in one.formats and mask != {_ANYWHERE: "{random}"}:
        return "mask", "retain.mask: a text log is masked as a whole", 'mask = { "*" = "{random}" }'
    if _ANYWHERE in mask and (mask[_ANYWHERE] != "{random}" or _ANYWHERE not in searched):
        return "mask", "retain.mask: '*' needs a match on '*' and \"{random}\"", 'mask = { "*" = "{random}" }'
    bare = sorted(field for field in searched if mask.get(field) != "{random}")
    if bare:
        # Any of them may be the only one a record has, and the token is what finds it when its time ends.
        fix = 'give every field under match the mask "{random}"'
        return "mask", f"retain.mask: {bare[0]!r} leads to the person and has no token in its place", fix
    if "parquet" in one.formats and any("." in name for name in mask):
        return "mask", "retain.mask: only whole columns of Parquet can be masked", "name a top-level column"
    return None
