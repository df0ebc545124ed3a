"""Recordings in object storage, judged by Spark: a row a recording, whatever its state.

::

    from inspector.spark import check_recordings
    reports = check_recordings(spark, "s3a://traces/2026/*/*.pcapng")
    reports.where("outcome = 'fail'").select("path", "reason").show(truncate=False)

Spark reads the files and deals them out; each is judged whole, in one task, from memory. That pays where the files lie in
object storage or are more than a machine reads in the time there is. For a folder on a disk the command alone is faster:
it starts in milliseconds and has no copy to make. A file is at most 2 GB (Spark's own bound for one value); larger captures
are cut by ``editcap -i`` or read by the command.

Key logs are used as the command uses them: those that lie in a recording's folder and are called like it, or like a key
log, and all that are given as ``keys``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import inspector

from ._beside import ENDINGS, GENERAL, is_key_log

if TYPE_CHECKING:
    from pyarrow import RecordBatch as _RecordBatch
    from pyspark.sql import DataFrame as _DataFrame
    from pyspark.sql import SparkSession as _SparkSession

__all__ = ["REPORT", "check_recordings", "exchanges", "tokens"]

REPORT = """
    path string, size bigint, outcome string, reason string, exit_code int, error string,
    exchanges bigint, connections bigint, tls_connections bigint, tls_decrypted bigint, tokens bigint,
    findings array<struct<rule: string, name: string, severity: string, in_scope: boolean, host: string, title: string,
                          detail: string, count: bigint, remedy: string>>,
    handshakes array<struct<client: string, resource: string, caller: string, caller_name: string, audience: string,
                            flow: string, outcome: string, calls: bigint, accepted: bigint, refused: bigint>>
"""
"""The schema of :func:`check_recordings`."""

EXCHANGE = """
    path string, exchange bigint, connection bigint, entry bigint, request_frame bigint, response_frame bigint,
    time string, client string, server string, protocol string, tls string, sni string, method string, url string,
    status int, request_headers string, response_headers string, request_body_bytes bigint, response_body_bytes bigint,
    notes array<string>, error string
"""
"""The schema of :func:`exchanges`. Fields are JSON. A recording that cannot be read has one row, with ``error``."""

TOKEN = """
    path string, id string, kind string, count bigint, issuer string, audience string, not_before string, expires string,
    signature string, signature_reason string, places array<string>, header string, claims string, error string
"""
"""The schema of :func:`tokens`. Header and claims are JSON."""

_MOST_KEYS = 256 << 20


def check_recordings(
    spark: _SparkSession,
    paths: str | Sequence[str],
    *,
    keys: Sequence[str | bytes] = (),
    profile: str = "exchange-s2s",
    realm: str | None = None,
    hosts: Sequence[str] = (),
    max_memory: int | None = None,
) -> _DataFrame:
    """Judges every recording below ``paths`` by itself.

    A row has the answer, what was found and who called whom. A file that cannot be read is a row, too: inconclusive, with
    ``error``. ``keys`` are paths on the driver, or contents.
    """

    def rows(path: str, content: bytes, logs: Sequence[bytes]) -> Iterator[dict[str, Any]]:
        options: dict[str, Any] = {"profile": profile, "realm": realm, "hosts": list(hosts), "max_memory": max_memory}
        error = None
        try:
            report = inspector.check(content, name=path, keys=logs, **options)
        except ValueError as raised:
            error = str(raised)
            (report,) = inspector.check_many([content], **options)
        coverage = report.coverage
        yield {
            "path": path,
            "size": len(content),
            "outcome": report.outcome,
            "reason": report.reason,
            "exit_code": 4 if error else report.exit_code,
            "error": error,
            "exchanges": coverage["exchanges"],
            "connections": coverage["connections"],
            "tls_connections": coverage["tls_connections"],
            "tls_decrypted": coverage["tls_decrypted"],
            "tokens": len(report.tokens),
            "findings": report.findings,
            "handshakes": report.handshakes,
        }

    # What is wrong with the options is told on the driver, not by a job that fails.
    inspector.check_many([], profile=profile, realm=realm, hosts=list(hosts), max_memory=max_memory)
    return _mapped(spark, paths, keys, REPORT, rows)


def exchanges(spark: _SparkSession, paths: str | Sequence[str], *, keys: Sequence[str | bytes] = ()) -> _DataFrame:
    """The exchanges of every recording below ``paths``."""

    def rows(path: str, content: bytes, logs: Sequence[bytes]) -> Iterator[dict[str, Any]]:
        try:
            for row in inspector.exchanges(content, name=path, keys=logs):
                texts = {name: json.dumps(row[name]) for name in ("request_headers", "response_headers")}
                yield {**row, **texts, "path": path}
        except (ValueError, OSError) as error:
            yield {"path": path, "error": str(error)}

    return _mapped(spark, paths, keys, EXCHANGE, rows)


def tokens(spark: _SparkSession, paths: str | Sequence[str], *, keys: Sequence[str | bytes] = ()) -> _DataFrame:
    """The distinct tokens of every recording below ``paths``."""

    def rows(path: str, content: bytes, logs: Sequence[bytes]) -> Iterator[dict[str, Any]]:
        try:
            for row in inspector.tokens(content, name=path, keys=logs):
                yield {**row, "header": json.dumps(row["header"]), "claims": json.dumps(row["claims"]), "path": path}
        except (ValueError, OSError) as error:
            yield {"path": path, "error": str(error)}

    return _mapped(spark, paths, keys, TOKEN, rows)


def _mapped(
    spark: _SparkSession,
    paths: str | Sequence[str],
    keys: Sequence[str | bytes],
    schema: str,
    rows: Callable[[str, bytes, Sequence[bytes]], Iterator[dict[str, Any]]],
) -> _DataFrame:
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType, _parse_datatype_string

    given = [key if isinstance(key, bytes) else open(key, "rb").read() for key in keys]
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(
        [paths] if isinstance(paths, str) else list(paths)
    )
    name = functions.lower(functions.element_at(functions.split("path", "/"), -1))
    stem, ending = functions.split(name, r"\.").getItem(0), functions.element_at(functions.split(name, r"\."), -1)
    may_be_keys = stem.isin(*GENERAL) | ending.isin(*ENDINGS)
    beside = _key_logs(files.where(may_be_keys & (files.length <= _MOST_KEYS)))
    logs = spark.sparkContext.broadcast((given, beside))
    kind = _parse_datatype_string(schema)
    assert isinstance(kind, StructType)
    arrow = to_arrow_schema(kind)

    def work(batches: Iterable[_RecordBatch]) -> Iterator[_RecordBatch]:
        import pyarrow

        given, beside = logs.value
        for batch in batches:
            for one in batch.to_pylist():
                path, content = one["path"], one["content"]
                if path in beside:
                    continue
                own = [log for at, log in beside.items() if _belongs(at, path)]
                made = list(rows(path, content, [*given, *own]))
                for start in range(0, len(made), 1024):
                    yield pyarrow.RecordBatch.from_pylist(made[start : start + 1024], schema=arrow)

    return files.select("path", "content").mapInArrow(work, kind)


def _key_logs(files: _DataFrame) -> dict[str, bytes]:
    """The contents of those that are key logs, by their paths."""
    logs: dict[str, bytes] = {}
    for row in files.select("path", "content").toLocalIterator():
        content = bytes(row["content"])
        if is_key_log(content):
            logs[row["path"]] = content
            if sum(map(len, logs.values())) > _MOST_KEYS:
                raise ValueError("the key logs beside the recordings take more than 256 MiB; judge fewer folders at a time")
    return logs


def _belongs(log: str, recording: str) -> bool:
    """Whether the command would use this key log with this recording: by its folder and its name."""
    log_folder, _, log_name = log.rpartition("/")
    folder, _, name = recording.rpartition("/")
    stem = log_name.lower().partition(".")[0]
    return log_folder == folder and (stem in GENERAL or stem == name.lower().partition(".")[0])
