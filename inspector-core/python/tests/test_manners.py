"""What Python users expect: errors, threads, progress, memory, tables."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import inspector
import pytest
from conftest import SCENARIOS, recordings

HAR = SCENARIOS / "handshake-complete" / "recording.har"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.har"
    for function in (inspector.check, inspector.exchanges, inspector.tokens):
        with pytest.raises(FileNotFoundError) as raised:
            function(missing)
        assert raised.value.filename == str(missing)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        inspector.check(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no recording", b'{"log":'])
def test_what_is_no_recording_is_a_value_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="x.har"):
        inspector.check(path)
    with pytest.raises(ValueError, match="<bytes>"):
        inspector.check(content)


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(TypeError, match="int"):
        inspector.check(7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nothing"):
        inspector.check(HAR, profile="nothing")
    with pytest.raises(ValueError, match="yesterday"):
        inspector.check(HAR, at="yesterday")
    with pytest.raises(ValueError, match="16777216"):
        inspector.check(HAR, max_memory=1)
    with pytest.raises(ValueError, match="keys"):
        inspector.check(HAR, keys=[b"no keys"])
    with pytest.raises(FileNotFoundError):
        inspector.check(HAR, keys=["missing.keys"])
    with pytest.raises(ValueError, match="sarif"):
        inspector.check(HAR).to("nothing")


def test_secrets_stay_masked() -> None:
    path = SCENARIOS / "basic-sent" / "recording.har"
    text = inspector.check(path).to_json() + str(list(inspector.exchanges(path)))
    shown = str(list(inspector.exchanges(path, show_secrets=True)))
    secrets = [word for word in shown.replace("'", " ").split() if word.startswith("Y29ud") or len(word) > 300]
    assert secrets
    assert not any(secret in text for secret in secrets)


def test_bytes_of_all_kinds() -> None:
    content = HAR.read_bytes()
    wanted = inspector.check(HAR, name="x").to_json()
    for kind in (bytes, bytearray, memoryview):
        assert inspector.check(kind(content), name="x").to_json() == wanted


def test_many_recordings_and_broken_ones(tmp_path: Path) -> None:
    paths: list[Path] = [path for path, log in recordings() if log is None][:40]
    broken = tmp_path / "broken.har"
    broken.write_bytes(b"no recording")
    missing = tmp_path / "missing.har"
    reports = inspector.check_many([*paths, broken, missing])
    assert [report.to_json() for report in reports[:-2]] == [inspector.check(path).to_json() for path in paths]
    for report, path in zip(reports[-2:], (broken, missing), strict=True):
        assert (report.outcome, report.exit_code) == ("inconclusive", 4)
        assert report.error is not None and path.name in report.error
    assert all(report.error is None for report in reports[:-2])


def test_threads_read_at_once() -> None:
    wanted = inspector.check(HAR).to_json()
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(inspector.check(HAR).to_json())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [wanted] * 8


def large(path: Path, megabytes: int) -> Path:
    """A HAR of that size, of one scenario's entries again and again."""
    import json

    entries = json.loads(HAR.read_text())["log"]["entries"]
    entry = json.dumps(entries[-1])
    with path.open("w") as file:
        file.write('{"log":{"version":"1.2","entries":[' + entry)
        for _ in range(megabytes * 1_000_000 // len(entry)):
            file.write("," + entry)
        file.write("]}}")
    return path


def test_progress_is_told_and_can_end_it(tmp_path: Path) -> None:
    path = large(tmp_path / "large.har", 60)
    told: list[tuple[int, int | None]] = []
    inspector.check(path, progress=lambda read, total: told.append((read, total)))
    size = path.stat().st_size
    assert told and told[-1] == (size, size)
    assert [read for read, _ in told] == sorted(read for read, _ in told)

    def stop(read: int, total: int | None) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        inspector.check(path, progress=stop)
    with pytest.raises(RuntimeError, match="enough"):
        list(inspector.exchanges(path, progress=stop))


def test_the_lock_is_not_held_while_reading(tmp_path: Path) -> None:
    path = large(tmp_path / "large.har", 60)
    ticks, done = 0, threading.Event()

    def read() -> None:
        inspector.check(path)
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_reading(tmp_path: Path) -> None:
    path = large(tmp_path / "large.har", 200)
    program = f"import inspector\ntry:\n    inspector.check({str(path)!r}, progress=lambda *_: print('read', flush=True))\nexcept KeyboardInterrupt:\n    print('ended')\n"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "read\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0].endswith("ended\n")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks of memory are read of /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    path = large(tmp_path / "large.har", 300)
    program = textwrap.dedent(f"""
        import inspector
        def peak():
            return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])
        before = peak()
        inspector.check({str(path)!r})
        sum(1 for _ in inspector.exchanges({str(path)!r}))
        print(before, peak())
    """)
    before, after = map(int, subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout.split())
    assert after - before < 64 << 10


def test_iterations_can_be_left(tmp_path: Path) -> None:
    path = large(tmp_path / "large.har", 20)
    exchanges = inspector.exchanges(path)
    first = next(iter(exchanges))
    gc.collect()
    assert next(iter(exchanges)) == first
    assert first["exchange"] == 1


def test_tables_are_read_by_arrow() -> None:
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    report = inspector.check(HAR)
    for name in ("findings", "handshakes", "tokens"):
        table = report.table(name)
        frame = polars.DataFrame(table)
        rows = getattr(report, name)
        assert len(frame) == len(table) == len(rows) == pyarrow.table(table).num_rows
    rows = list(inspector.exchanges(HAR))
    frame = polars.DataFrame(inspector.exchanges(HAR))
    assert frame["url"].to_list() == [row["url"] for row in rows]
    assert frame["status"].to_list() == [row["status"] for row in rows]
    assert str(frame.schema["time"]).startswith("Datetime")
    assert pyarrow.table(inspector.exchanges(HAR)).schema.field("time").type == pyarrow.timestamp("ns", "UTC")
    tokens = inspector.tokens(HAR)
    assert pyarrow.table(tokens)["id"].to_pylist() == [token["id"] for token in tokens]


def test_an_error_of_a_stream_is_raised(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "x.har"
    path.write_bytes(b"no recording")
    with pytest.raises(Exception, match="x.har"):
        pyarrow.table(inspector.exchanges(path))


def test_keys_beside_a_recording(tmp_path: Path) -> None:
    line = "CLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48 + "\n"
    for name, text in {
        "trace.pcap": "", "trace.keys": line, "sslkeylog.txt": line, "other.keys": line, "trace.txt": "notes",
    }.items():
        (tmp_path / name).write_text(text)
    assert [Path(path).name for path in inspector.keys_beside(tmp_path / "trace.pcap")] == ["sslkeylog.txt", "trace.keys"]
