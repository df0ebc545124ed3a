"""Reports and rows are the command's, member by member, over all scenarios."""

from __future__ import annotations

import json
from pathlib import Path

import inspector
import pytest
from conftest import SCENARIOS, recordings, run


def keys_of(log: Path | None) -> list[str]:
    return [str(log)] if log else []


def arguments(log: Path | None) -> list[str]:
    return ["--keys", str(log)] if log else []


def test_there_are_scenarios() -> None:
    assert len(recordings()) > 300


@pytest.mark.parametrize("scenario", sorted(path.name for path in SCENARIOS.iterdir() if path.is_dir()))
def test_reports_are_the_commands(scenario: str, command: str) -> None:
    for path, log in [one for one in recordings() if one[0].parent.name == scenario]:
        text = run(command, "check", path, *arguments(log), "--format", "json", "--no-found-keys").decode()
        report = inspector.check(path, keys=keys_of(log))
        assert report.to_json() == text
        assert report.to_dict() == json.loads(text)
        whole = json.loads(text)
        for member in ("outcome", "reason", "exit_code", "findings", "tokens", "handshakes", "coverage", "inputs"):
            assert getattr(report, member) == whole[member], member
        # Of bytes, and on several threads.
        keys = [log.read_bytes()] if log else []
        assert inspector.check(path.read_bytes(), name=str(path), keys=keys, jobs=2).to_json() == text


@pytest.mark.parametrize("recording", ["recording.har", "dsb.pcapng", "h2.pcap"])
def test_rows_are_the_commands(recording: str, command: str) -> None:
    for path, log in [one for one in recordings() if one[0].name == recording]:
        for listing, rows in (("exchanges", inspector.exchanges), ("tokens", inspector.tokens)):
            lines = run(command, listing, path, *arguments(log), "--format", "ndjson", "--no-found-keys").splitlines()
            assert list(rows(path, keys=keys_of(log))) == [json.loads(line) for line in lines]


def test_options_are_the_commands(command: str) -> None:
    path = SCENARIOS / "basic-beside-oauth" / "recording.har"
    text = run(command, "check", path, "--profile", "generic", "--host", "mail.contoso.com", "--format", "json").decode()
    assert inspector.check(path, profile="generic", hosts=["mail.contoso.com"]).to_json() == text
    said = ["--realm", "other.example", "--at", "2030-01-01T00:00:00Z"]
    text = run(command, "check", path, *said, "--format", "json").decode()
    assert inspector.check(path, realm="other.example", at="2030-01-01T00:00:00Z").to_json() == text


def test_other_formats_are_the_commands(command: str) -> None:
    path = SCENARIOS / "basic-beside-oauth" / "recording.har"
    for form in ("sarif", "junit", "markdown", "csv"):
        text = run(command, "check", path, "--format", form).decode()
        assert inspector.check(path).to(form).splitlines()[0] == text.splitlines()[0], form


def test_merging_is_one_run_over_all(command: str) -> None:
    paths = [path for path, log in recordings() if path.name == "recording.har"][:12]
    whole = json.loads(run(command, "check", *paths, "--format", "json", "--no-found-keys"))
    merged = inspector.merge([inspector.check(path) for path in paths]).to_dict()
    assert merged["outcome"] == whole["outcome"]
    assert [one["outcome"] for one in merged["inputs"]] == [one["outcome"] for one in whole["inputs"]]
    assert merged["findings"] == whole["findings"]


def test_partial_results_merge_to_the_whole(command: str, tmp_path: Path) -> None:
    path = SCENARIOS / "handshake-complete" / "clear.pcap"
    whole = json.loads(run(command, "check", path, "--format", "json"))
    run(command, "split", "--by-flow", "3", path, "-o", tmp_path / "parts", expect=frozenset({0}))
    partials = []
    for number, part in enumerate(sorted((tmp_path / "parts").iterdir())):
        partials.append(tmp_path / f"{number}.partial")
        run(command, "check", "--partial", part, "-o", partials[-1], expect=frozenset({0}))
    assert len(partials) == 3
    merged = inspector.merge(partials[::-1])
    assert merged.to_dict()["findings"] == whole["findings"]
    assert (merged.outcome, merged.reason, merged.error) == (whole["outcome"], whole["reason"], None)
    assert inspector.merge([one.read_bytes() for one in partials]).to_json() == merged.to_json()
    assert inspector.merge(partials[1:]).outcome != "pass"
    with pytest.raises(FileNotFoundError):
        inspector.merge([tmp_path / "missing.partial"])
    with pytest.raises(ValueError, match="clear.pcap"):
        inspector.merge([path])
    with pytest.raises(TypeError):
        inspector.merge([inspector.check(path), partials[0]])  # type: ignore[arg-type]
