"""Turns errors of the operating system into the connector's own, by who mends them.

Messages of the system quote file names, and file names may hold personal data: only a stable code leaves (I4).
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from connectors.errors import ConnectorError, PermanentError, TransientError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def translate(error: OSError) -> ConnectorError:
    """Give the connector error for an error of the system."""
    if error.errno in _FULL:
        return TransientError("disk_full")
    if error.errno in _DENIED:
        return PermanentError("not_permitted")
    if error.errno == errno.ELOOP:
        return PermanentError("symlink")
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return TransientError("file_changed")
    return TransientError("input_output")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Translate what the block raises.

    Raises:
        TransientError: ``disk_full``, ``file_changed``, ``input_output``.
        PermanentError: ``not_permitted``, ``symlink``.
    """
    try:
        yield
    except OSError as error:
        raise translate(error) from None
