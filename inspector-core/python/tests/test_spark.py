"""Recordings judged by a real Spark, on two cores of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inspector
import pytest
from conftest import SCENARIOS

pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None:
    pytest.skip("there is no Java, which Spark needs", allow_module_level=True)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("inspector").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.files.maxPartitionBytes", "256k").getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in folders of their own, two of them with their key log, and one that is broken."""
    folder = tmp_path_factory.mktemp("recordings")
    for scenario in ["handshake-complete", "basic-sent", "app-only-actor"]:
        (folder / scenario).mkdir()
        for name in ["clear.pcap", "recording.har", "tls13.pcap", "tls13.keys", "h2.pcap"]:
            shutil.copy(SCENARIOS / scenario / name, folder / scenario)
    (folder / "broken").mkdir()
    (folder / "broken" / "broken.har").write_bytes(b"no recording")
    (folder / "broken" / "notes.txt").write_bytes(b"notes")
    return folder


def local(path: str) -> Path:
    return Path(path.removeprefix("file:"))


def test_a_row_a_recording(spark: Any, folder: Path) -> None:
    from inspector.spark import check_recordings

    rows = {local(row["path"]): row for row in check_recordings(spark, str(folder)).collect()}
    recordings = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".keys"]
    assert sorted(rows) == sorted(recordings)
    for path, row in rows.items():
        if path.parent.name == "broken":
            assert (row["outcome"], row["exit_code"]) == ("inconclusive", 4)
            assert path.name in row["error"]
            continue
        report = inspector.check(path, name=row["path"], keys=inspector.keys_beside(path))
        assert (row["outcome"], row["reason"], row["error"]) == (report.outcome, report.reason, None), path
        assert row["exit_code"] == report.exit_code
        assert [one["rule"] for one in row["findings"]] == [one["rule"] for one in report.findings]
        assert [one["calls"] for one in row["handshakes"]] == [one["calls"] for one in report.handshakes]
        assert row["tls_decrypted"] == report.coverage["tls_decrypted"]
    assert rows[folder / "handshake-complete" / "tls13.pcap"]["tls_decrypted"] > 0
    assert {row["outcome"] for row in rows.values()} == {"pass", "fail", "inconclusive"}


def test_exchanges_and_tokens(spark: Any, folder: Path) -> None:
    from inspector.spark import exchanges, tokens

    har = folder / "handshake-complete" / "recording.har"
    got = sorted(exchanges(spark, str(har)).collect(), key=lambda row: row["exchange"])
    assert [row["url"] for row in got] == [row["url"] for row in inspector.exchanges(har)]
    ids = {row["id"] for row in tokens(spark, str(har)).collect()}
    assert ids == {token["id"] for token in inspector.tokens(har)}
    (row,) = exchanges(spark, str(folder / "broken" / "broken.har")).collect()
    assert "broken.har" in row["error"]


def test_a_wrong_option_is_told_before_a_job_runs(spark: Any, folder: Path) -> None:
    from inspector.spark import check_recordings

    with pytest.raises(ValueError, match="nothing"):
        check_recordings(spark, str(folder), profile="nothing")
