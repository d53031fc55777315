"""The `sluice` command beside a running stack, as a person would use it."""

import json
from pathlib import Path

from tests.e2e.conftest import System
from tests.support.command import ROOT


def test_send_wait_and_watch(system: System, unique: str, tmp_path: Path) -> None:
    file = tmp_path / "comments.txt"
    file.write_text("The lamp broke.\n\nLovely chair!\n")
    done = system.sluice("send", "feedback", str(file), "--run", unique, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [o["job_id"] for o in outcomes] == [f"{unique}-000001", f"{unique}-000003"]
    assert "2 succeeded" in done.stderr

    again = system.sluice("send", "feedback", str(file), "--run", unique)
    assert again.stdout.split() == [f"{unique}-000001", f"{unique}-000003"]

    watched = system.sluice("watch", "feedback", "--all", "--until", "2", "--json")
    assert watched.returncode == 0, watched.stderr
    assert len(watched.stdout.splitlines()) == 2


def test_bad_lines_are_reported_and_the_others_sent(system: System, unique: str) -> None:
    lines = '{"text": "fine"}\n{"text": ""}\n{broken\n{"id": 7, "text": "also fine", "stars": 5}\n'
    done = system.sluice("send", "feedback", "-", "--run", unique, "--wait", "--json", stdin=lines)
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert "line 3" in done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) == 2
    assert outcomes[1]["result"]["feedback_id"] == "7"
    assert outcomes[1]["result"]["metadata"] == {"stars": 5}


async def test_failures_can_be_listed_shown_mended_and_discarded(system: System, unique: str, tmp_path: Path) -> None:
    system.send({f"{unique}-a": b"not json", f"{unique}-b": b"{}"})
    await system.outcomes([f"{unique}-a", f"{unique}-b"])

    listed = system.sluice("errors", "list", "--json", "--limit", "1000")
    ours = [p for p in map(json.loads, listed.stdout.splitlines()) if p["id"].startswith(unique)]
    assert {p["id"] for p in ours} == {f"{unique}-a", f"{unique}-b"}
    assert all(p["code"] == "invalid_message" for p in ours)
    assert unique in system.sluice("errors", "list").stdout

    shown = system.sluice("errors", "show", f"{unique}-a")
    assert "not json" in shown.stdout
    assert "is not JSON" in shown.stdout

    still_bad = system.sluice("errors", "retry", f"{unique}-a")
    assert still_bad.returncode == 1
    assert "is not JSON" in still_bad.stderr

    mended = tmp_path / "mended.json"
    mended.write_text('{"text": "mended"}')
    assert system.sluice("errors", "retry", f"{unique}-a", "--body", str(mended)).returncode == 0
    outcomes = await system.outcomes([f"{unique}-a"])
    assert outcomes[f"{unique}-a"]["status"] == "succeeded"

    assert system.sluice("errors", "discard", f"{unique}-b").returncode == 0
    assert f"{unique}-b" not in system.sluice("errors", "list", "--json", "--limit", "1000").stdout


async def test_status_counts_queues(system: System, unique: str) -> None:
    jobs = {f"{unique}-{n}": b'{"text": "fine"}' for n in range(2)}
    system.send(jobs)
    await system.outcomes([*jobs])
    done = system.sluice("status", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["kinds"]["feedback"]["queues"]["feedback-in"]["dead_letters"] == 0
    assert facts["stack"]["pid"] > 0
    assert "settings" not in facts["stack"]
    app = facts["app"]["kinds"]["feedback"]
    assert app["last_hour"]["accepted"] >= 2
    assert app["states"]["succeeded"]["count"] >= 1
    for_people = system.sluice("status").stdout
    assert "ended, by 3 minutes" in for_people
    assert "Dead letters: none" in for_people


def test_mistakes_have_readable_errors_and_exit_codes(system: System, tmp_path: Path) -> None:
    missing = system.sluice("send", "feedback", "nowhere.jsonl")
    assert (missing.returncode, "nowhere.jsonl" in missing.stderr) == (2, True)
    unknown = system.sluice("errors", "show", "no-such-job")
    assert (unknown.returncode, "no feedback job" in unknown.stderr) == (2, True)
    nothing = system.sluice("errors", "retry")
    assert (nothing.returncode, "--all" in nothing.stderr) == (2, True)
    assert system.sluice("send", "poetry", "x").returncode == 2
    bad_profile = tmp_path / "p.yaml"
    bad_profile.write_text("version: 1\n")
    checked = system.sluice("profile", "check", str(bad_profile))
    assert (checked.returncode, "version" in checked.stderr) == (2, True)
    default = ROOT / "shared" / "jobs" / "feedback.yaml"
    assert system.sluice("profile", "check", str(default)).returncode == 0
    for output in (missing, unknown, nothing, checked):
        assert "Traceback" not in output.stderr
