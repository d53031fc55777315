"""Who works on which partition."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.durable.hub import FencedError, Hub, Lease
from local.host.durable.leases import LEASE_S, Leases, plan

HOSTS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True)


@given(HOSTS, st.integers(1, 16), st.data())
def test_plans_of_all_hosts_lead_to_a_balance(hosts: list[str], partitions: int, data: st.DataObject) -> None:
    owner = st.one_of(st.none(), st.sampled_from(hosts))
    owners: dict[int, str | None] = {p: data.draw(owner) for p in range(partitions)}
    for _ in range(2):  # first they give up what is too much, then they take what is free
        for host in data.draw(st.permutations(hosts)):
            decided = plan(host, hosts, owners)
            assert all(owners[p] is None for p in decided.acquire)
            assert all(owners[p] == host for p in decided.release)
            owners |= dict.fromkeys(decided.acquire, host) | dict.fromkeys(decided.release)
    counts = [list(owners.values()).count(host) for host in hosts]
    assert None not in owners.values()
    assert max(counts) - min(counts) <= 1


def test_a_host_that_does_not_work_takes_nothing() -> None:
    assert plan("c", ["a", "b"], {0: None, 1: "c"}).acquire == ()
    assert plan("c", ["a", "b"], {0: None, 1: "c"}).release == (1,)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "hub.db", 4)


def test_leases_are_shared_out_and_run_out(hub: Hub) -> None:
    one, two = Leases(hub.database, 4), Leases(hub.database, 4)
    one.join(0.0)
    assert (sorted(one.held), one.alone) == ([0, 1, 2, 3], True)
    two.join(1.0)
    assert two.held == {}
    one.tick(2.0)
    two.tick(2.0)
    assert (len(one.held), len(two.held), one.alone) == (2, 2, False)
    # One is dead: two has its half as soon as its leases have run out, not before.
    two.tick(2.0 + LEASE_S - 0.1)
    assert len(two.held) == 2
    two.tick(2.0 + LEASE_S + 0.1)
    two.tick(2.0 + LEASE_S + 0.2)
    assert (len(two.held), two.alone) == (4, True)


def test_a_lease_that_was_taken_over_is_worth_nothing(hub: Hub) -> None:
    one, two = Leases(hub.database, 4), Leases(hub.database, 4)
    one.join(0.0)
    old = one.held[0]
    hub.check(old)
    two.join(LEASE_S + 1)
    assert sorted(two.held) == [0, 1, 2, 3]
    with pytest.raises(FencedError):
        hub.check(old)
    # Also when it comes back to the first: it is another lease then.
    two.leave()
    one.tick(LEASE_S + 2)
    hub.check(one.held[0])
    with pytest.raises(FencedError):
        hub.check(old)


def test_a_lease_that_was_lost_is_held_no_more(hub: Hub) -> None:
    one = Leases(hub.database, 4)
    one.join(0.0)
    assert one.expires_s == LEASE_S
    one.lost(one.held[2])
    assert sorted(one.held) == [0, 1, 3]
    one.lost(Lease(1, one.host, 99))  # an older one than that which is held
    assert 1 in one.held


def test_a_partition_in_use_is_given_up_later(hub: Hub) -> None:
    one, two = Leases(hub.database, 4), Leases(hub.database, 4)
    one.join(0.0)
    two.join(0.0)
    one.tick(1.0, in_use={0, 1, 2, 3})
    assert len(one.held) == 4
    one.tick(1.0, in_use={0})
    assert 0 in one.held
    assert len(one.held) == 2


def test_a_host_that_leaves_is_followed_at_once(hub: Hub) -> None:
    one, two = Leases(hub.database, 4), Leases(hub.database, 4)
    one.join(0.0)
    two.join(0.0)
    one.leave()
    two.tick(0.1)
    assert len(two.held) == 4
