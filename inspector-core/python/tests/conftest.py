"""What the tests share: the project's scenarios, and the command they are compared with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCENARIOS = ROOT / "fixtures" / "scenarios"

RECORDINGS = [
    ("clear.pcap", None),
    ("tls12.pcap", "tls12.keys"),
    ("tls13.pcap", "tls13.keys"),
    ("h2.pcap", "h2.keys"),
    ("h3.pcap", "h3.keys"),
    ("dsb.pcapng", None),
    ("recording.har", None),
]


def recordings() -> list[tuple[Path, Path | None]]:
    """Every recording of every scenario, with its key log."""
    found = []
    for scenario in sorted(SCENARIOS.iterdir()):
        for name, keys in RECORDINGS:
            path = scenario / name
            if path.is_file():
                found.append((path, scenario / keys if keys else None))
    return found


@pytest.fixture(scope="session")
def command() -> str:
    """The command, which `cargo build` made."""
    given = os.environ.get("INSPECTOR")
    made = [ROOT / "target" / kind / "inspector" for kind in ("debug", "release")]
    path = given or next((str(path) for path in made if path.is_file()), None)
    assert path, "build the command first (cargo build), or name it in INSPECTOR"
    return path


def run(command: str, *arguments: str | Path, expect: frozenset[int] = frozenset({0, 1, 3})) -> bytes:
    done = subprocess.run([command, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode in expect, done.stderr.decode()
    return done.stdout
