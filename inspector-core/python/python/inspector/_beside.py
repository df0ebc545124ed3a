"""Key logs that lie beside a recording, as the command finds them."""

from __future__ import annotations

import os
import re
from pathlib import Path

GENERAL = {"keys", "keylog", "sslkeys", "sslkeylog", "sslkeylogfile", "tlskeys", "secrets"}
ENDINGS = {"keys", "key", "keylog", "log", "txt", "nss"}
_LINE = re.compile(rb"^(CLIENT_RANDOM|RSA|[A-Z]+_[A-Z0-9_]+) [0-9A-Fa-f]{16,} [0-9A-Fa-f]+", re.MULTILINE)
_LARGEST = 256 << 20
_BEGINNING = 64 << 10


def keys_beside(recording: str | os.PathLike[str]) -> list[str]:
    """Paths of the key logs in the recording's folder that are called like it, or like a key log.

    ``trace.pcapng`` has ``trace.keys``, ``trace.log`` or ``sslkeylog.txt``, if there is a key log inside. A private key is
    never taken without being named.
    """
    path = Path(recording)
    own = _stem(path)
    found = []
    for beside in sorted(path.parent.iterdir()):
        called = _stem(beside)
        ending = beside.name.lower().rpartition(".")[2]
        fits = (called == own and ending in ENDINGS) or (called in GENERAL and not beside.name.startswith("."))
        if fits and beside != path and beside.is_file() and _holds_key_log(beside):
            found.append(str(beside))
    return found


def _stem(path: Path) -> str:
    return path.name.lower().partition(".")[0]


def is_key_log(content: bytes) -> bool:
    """Whether that is the beginning of a key log."""
    return _LINE.search(content[:_BEGINNING]) is not None


def _holds_key_log(path: Path) -> bool:
    if path.stat().st_size > _LARGEST:
        return False
    with path.open("rb") as file:
        return is_key_log(file.read(_BEGINNING))
