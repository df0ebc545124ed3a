"""The compiled part; `inspector` has what is meant to be used."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, final

__all__ = [
    "ExchangeIterator",
    "Exchanges",
    "Report",
    "Table",
    "TokenIterator",
    "Tokens",
    "__version__",
    "check",
    "check_many",
    "exchanges",
    "merge",
    "tokens",
]

__version__: str

_Source = str | os.PathLike[str] | bytes | bytearray | memoryview
_Progress = Callable[[int, int | None], object]

@final
class Report:
    """What came of one recording, or of several."""

    @property
    def outcome(self) -> Literal["pass", "fail", "inconclusive"]:
        """`pass`, `fail` or `inconclusive`."""

    @property
    def reason(self) -> str:
        """Why, in one sentence."""

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 0 pass, 1 fail, 3 inconclusive, 4 nothing could be read."""

    @property
    def error(self) -> str | None:
        """Why the recording could not be read; None if it could."""

    @property
    def next_steps(self) -> list[str]:
        """What to do next."""

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The inputs, each with its own outcome."""

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What was found."""

    @property
    def handshakes(self) -> list[dict[str, Any]]:
        """Who called whom."""

    @property
    def tokens(self) -> list[dict[str, Any]]:
        """The distinct tokens, in the order of their first sighting."""

    @property
    def coverage(self) -> dict[str, Any]:
        """How much was read."""

    def to_dict(self) -> dict[str, Any]:
        """The whole report, `inspector-report/1`."""

    def to_json(self) -> str:
        """The text `inspector check --format json` prints."""

    def to(self, format: str) -> str:
        """The text of any format of the command: "sarif", "junit", "markdown", "csv" …"""

    def table(self, name: Literal["findings", "handshakes", "tokens"] = "findings") -> Table:
        """Findings as a stream of Arrow's C interface; `table("handshakes")` and `table("tokens")` likewise."""

@final
class Table:
    """Rows that whatever reads Arrow's C stream interface takes: `polars.DataFrame(table)`, `pyarrow.table(table)`."""

    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Exchanges:
    """The exchanges of a recording. Each iteration reads it anew, and holds no more than some thousand rows."""

    def __iter__(self) -> ExchangeIterator: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class ExchangeIterator:
    """Goes over the exchanges of one reading."""

    def __iter__(self) -> ExchangeIterator: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class Tokens:
    """The distinct tokens of a recording, in the order of their first sighting."""

    def __len__(self) -> int: ...
    def __iter__(self) -> TokenIterator: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class TokenIterator:
    """Goes over the tokens."""

    def __iter__(self) -> TokenIterator: ...
    def __next__(self) -> dict[str, Any]: ...

def check(
    source: _Source,
    *,
    name: str | None = None,
    keys: Sequence[_Source] = (),
    profile: str | os.PathLike[str] | None = "exchange-s2s",
    realm: str | None = None,
    hosts: Sequence[str] = (),
    jwks: Sequence[_Source] = (),
    at: str = "capture",
    jobs: int = 1,
    max_memory: int | None = None,
    progress: _Progress | None = None,
) -> Report:
    """Reads a recording and judges it."""

def check_many(
    sources: Iterable[_Source],
    *,
    keys: Sequence[_Source] = (),
    profile: str | os.PathLike[str] | None = "exchange-s2s",
    realm: str | None = None,
    hosts: Sequence[str] = (),
    jwks: Sequence[_Source] = (),
    at: str = "capture",
    jobs: int = 0,
    max_memory: int | None = None,
) -> list[Report]:
    """Judges each recording by itself and gives their reports in the same order."""

def merge(parts: Iterable[Report] | Iterable[_Source], *, max_memory: int | None = None) -> Report:
    """Joins reports of whole recordings, or judges partial results (`inspector check --partial`), which are paths or bytes."""

def exchanges(
    source: _Source,
    *,
    name: str | None = None,
    keys: Sequence[_Source] = (),
    jobs: int = 1,
    max_memory: int | None = None,
    show_secrets: bool = False,
    progress: _Progress | None = None,
) -> Exchanges:
    """Reads a recording and gives its exchanges."""

def tokens(
    source: _Source,
    *,
    name: str | None = None,
    keys: Sequence[_Source] = (),
    profile: str | os.PathLike[str] | None = "exchange-s2s",
    jwks: Sequence[_Source] = (),
    at: str = "capture",
    jobs: int = 1,
    max_memory: int | None = None,
    show_secrets: bool = False,
    progress: _Progress | None = None,
) -> Tokens:
    """Reads a recording and lists its tokens with their claims."""
