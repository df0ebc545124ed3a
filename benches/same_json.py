#!/usr/bin/env python3
"""Tells whether two builds of `inspector` print the same JSON for the same recordings, byte for byte.

    same_json.py BEFORE AFTER FOLDER… [--jobs 1,2,8] [--every N] [--keep FILE] [--profiles exchange-s2s,generic]

Every file in the folders that a recording can be is given to `check`, `exchanges`, `tokens` and `doctor`, with the keys that
lie beside it (NAME.keys for NAME.pcap). BEFORE runs on one thread; AFTER runs once for each number of jobs and must print the
same each time, with the same exit code. BEFORE is a program, or a file that `--keep` wrote (so that a long baseline is run
once); `--keep` writes what BEFORE printed, as digests. `--every N` takes each Nth file, for a quick look.

Exit code 0 if all is equal, 1 if something differs; the first differences are printed.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

NOT_RECORDINGS = (".md", ".py", ".sh", ".js", ".conf", ".keys", ".keylog", ".pem", ".crt", ".toml")


def recordings(folders):
    found = []
    for folder in folders:
        if os.path.isfile(folder):
            found.append(os.path.abspath(folder))
        for base, _, names in os.walk(folder):
            found += [os.path.abspath(os.path.join(base, name)) for name in names if not name.endswith(NOT_RECORDINGS)]
    return sorted(set(found))


def keys_of(path):
    stem = os.path.splitext(path)[0]
    for candidate in (path + ".keys", stem + ".keys", stem + ".keylog", stem + ".pem"):
        if os.path.exists(candidate):
            return ["--keys", candidate]
    return []


def commands(path, profiles):
    keys = keys_of(path)
    for profile in profiles:
        yield f"check {profile}", ["check", "--no-config", "--profile", profile, "--format", "json", *keys, path]
    for name in ("exchanges", "tokens", "doctor"):
        yield name, [name, "--no-config", "--format", "ndjson", *keys, path]


def run(program, arguments, jobs, seconds):
    try:
        done = subprocess.run([program, *arguments, "--jobs", str(jobs)], capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "took too long"
    return f"{done.returncode} {hashlib.sha256(done.stdout).hexdigest()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("folder", nargs="+")
    parser.add_argument("--jobs", default="1,2,8")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--keep")
    parser.add_argument("--profiles", default="exchange-s2s,generic")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--at-once", type=int, default=os.cpu_count())
    options = parser.parse_args()

    known = None
    if not os.access(options.before, os.X_OK):
        with open(options.before) as file:
            known = json.load(file)
    jobs = [int(number) for number in options.jobs.split(",")]
    profiles = options.profiles.split(",")
    files = recordings(options.folder)[:: options.every]

    def one(path):
        printed, different = {}, []
        for name, arguments in commands(path, profiles):
            call = f"{name} {path}"
            if known is None:
                printed[call] = run(options.before, arguments, 1, options.seconds)
            elif call in known:
                printed[call] = known[call]
            else:
                continue
            for number in jobs:
                if run(options.after, arguments, number, options.seconds) != printed[call]:
                    different.append(f"{' '.join(arguments)} --jobs {number}")
        return printed, different

    calls, differences = {}, []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as executor:
        for printed, different in executor.map(one, files):
            calls.update(printed)
            for call in different:
                if len(differences) < 40:
                    print("differs:", call, flush=True)
                differences.append(call)
    if options.keep:
        with open(options.keep, "w") as file:
            json.dump(calls, file, indent=0, sort_keys=True)
    print(f"{len(files)} recordings, {len(calls)} calls, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
