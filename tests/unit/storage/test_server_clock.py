"""The clock that all workers share: the time in ETags, and how far the own clock is off."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StorageError
from shared.storage import server_clock
from shared.storage.server_clock import ServerClock, etag_time_s

TIMES = st.integers(0, 4_000_000_000).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))


def etag(at: datetime, ticks: str | None = None, *, quoted: bool = True) -> str:
    """As table storage writes it."""
    fraction = "" if ticks is None else f".{ticks}"
    text = f"datetime'{at:%Y-%m-%dT%H:%M:%S}{fraction}Z'"
    return f'W/"{quote(text) if quoted else text}"'


@given(at=TIMES, ticks=st.none() | st.text("0123456789", min_size=1, max_size=7), quoted=st.booleans())
def test_the_time_of_an_etag_is_read(at: datetime, ticks: str | None, quoted: bool) -> None:
    expected = at.timestamp() + float(f"0.{ticks or 0}")
    assert etag_time_s(etag(at, ticks, quoted=quoted)) == pytest.approx(expected, abs=1e-6)


@given(st.text() | st.from_regex(r"W/\"datetime'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,9})?Z?'\""))
def test_other_etags_hold_no_time_or_a_true_one(text: str) -> None:
    found = etag_time_s(text)
    assert found is None or datetime.fromtimestamp(found, UTC).year >= 1


def test_etags_of_other_services_hold_none() -> None:
    for text in ("", "0x8DB8A2F1", "W/\"datetime'2026-13-01T00%3A00%3A00Z'\"", 'W/"1"'):
        assert etag_time_s(text) is None


class Server:
    """Another clock, some way off; each answer takes a while."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.local_s = 1_790_000_000.0
        self.ahead_s = ahead_s
        self.way_s = 0.02
        self.asked = 0
        self.away = False
        self.answers = True

    async def touch(self) -> str:
        self.asked += 1
        if self.away:
            raise StorageError("Storage is away.")
        self.local_s += self.way_s
        now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.local_s + self.ahead_s)
        self.local_s += self.way_s
        return etag(now, f"{now.microsecond:06d}0") if self.answers else "0x1"

    def clock(self) -> ServerClock:
        return ServerClock(self.touch, lambda: self.local_s)


@pytest.mark.parametrize("ahead_s", [0.0, 3.25, -7.5, 86_400.0])
async def test_the_offset_is_known_to_half_an_answers_way(ahead_s: float) -> None:
    server = Server(ahead_s)
    clock = server.clock()
    assert clock.now_s() == server.local_s, "nothing is known yet"
    await clock.refresh()
    assert clock.now_s() - server.local_s == pytest.approx(ahead_s, abs=server.way_s + 0.001)
    assert clock.now().timestamp() == pytest.approx(clock.now_s(), abs=1e-3)


async def test_the_server_is_asked_again_after_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    server, passed_s = Server(1.0), [0.0]
    monkeypatch.setattr(server_clock.time, "monotonic", lambda: passed_s[0])
    clock = server.clock()
    await clock.refresh()
    first = server.asked
    await clock.refresh()
    passed_s[0] = 29.0
    await clock.refresh()
    assert server.asked == first
    passed_s[0], server.ahead_s = 31.0, 5.0  # somebody set a clock
    await clock.refresh()
    assert server.asked == first + 1
    assert clock.now_s() - server.local_s == pytest.approx(5.0, abs=0.1)


async def test_without_an_answer_the_clock_stays_as_it_is() -> None:
    server = Server(2.0)
    server.away = True
    clock = server.clock()
    await clock.refresh()
    assert clock.now_s() == server.local_s
    server.away, server.answers = False, False
    clock = server.clock()
    await clock.refresh()
    assert clock.now_s() == server.local_s
