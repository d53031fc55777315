"""Where recordings are cut: everything is covered, nothing is too long, and no word is lost."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audio.cuts import Cut, cut_counts, plan_cuts
from shared.audio.levels import Pause


@st.composite
def recordings(draw: st.DrawFn) -> tuple[float, list[Pause], float, float]:
    """Duration, pauses, longest chunk, overlap."""
    chunk_s = draw(st.floats(1, 800))
    duration_s = draw(st.floats(0.1, chunk_s * 30))
    overlap_s = draw(st.floats(0, chunk_s / 4))
    frames = draw(st.lists(st.tuples(st.integers(1, 2000), st.integers(6, 60)), max_size=80))
    pauses: list[Pause] = []
    time = 0
    for speech, silence in frames:
        time += speech
        pauses.append(Pause(round(time * 0.05, 3), round((time + silence) * 0.05, 3)))
        time += silence + 1
    return duration_s, [pause for pause in pauses if pause.end_s <= duration_s], chunk_s, overlap_s


@given(recordings())
def test_chunks_cover_everything_in_order(recording: tuple[float, list[Pause], float, float]) -> None:
    duration_s, _, chunk_s, overlap_s = recording
    cuts = plan_cuts(*recording)
    assert (cuts[0].start_s, cuts[0].overlap_s, cuts[-1].end_s) == (0, 0, duration_s)
    for before, after in itertools.pairwise(cuts):
        assert after.start_s == pytest.approx(before.end_s - after.overlap_s, abs=1e-6)
        assert before.start_s < after.start_s
        assert before.end_s < after.end_s
        assert after.overlap_s == 0 or overlap_s - 1e-6 <= after.overlap_s <= overlap_s + 0.0011
    assert all(cut.end_s - cut.start_s <= chunk_s + 1e-9 for cut in cuts)


@given(recordings())
def test_none_is_a_scrap(recording: tuple[float, list[Pause], float, float]) -> None:
    duration_s, _, chunk_s, _ = recording
    cuts = plan_cuts(*recording)
    shortest_s = min(duration_s, chunk_s * 0.375) - 0.002
    assert all(cut.end_s - cut.start_s >= shortest_s for cut in cuts)


@given(recordings())
def test_they_meet_in_pauses_and_overlap_only_where_there_is_none(
    recording: tuple[float, list[Pause], float, float],
) -> None:
    _, pauses, chunk_s, _ = recording
    for before, after in itertools.pairwise(plan_cuts(*recording)):
        inside = [pause for pause in pauses if pause.start_s < before.end_s < pause.end_s]
        if after.overlap_s:
            near_s = before.end_s - chunk_s / 8
            usable = [min(p.end_s, before.end_s) - max(p.start_s, near_s) >= 0.102 for p in pauses]
            assert not any(usable)
        elif recording[3] >= 0.001:
            assert inside


@given(recordings())
def test_no_more_than_needed(recording: tuple[float, list[Pause], float, float]) -> None:
    """Three quarters of the longest chunk, less the overlap, are gained by each chunk but the last two."""
    duration_s, _, chunk_s, overlap_s = recording
    assert len(plan_cuts(*recording)) <= duration_s / (chunk_s * 0.75 - overlap_s - 0.002) + 2


def test_short_recordings_stay_whole() -> None:
    assert plan_cuts(300, [Pause(1, 2)], 300, 5) == [Cut(0, 300, 0)]


def test_the_middle_of_the_longest_pause() -> None:
    pauses = [Pause(50, 55), Pause(80, 80.4), Pause(90, 90.8), Pause(98, 98.5)]
    assert plan_cuts(300, pauses, 100, 5)[:2] == [Cut(0, 90.4, 0), Cut(90.4, 190.4, 0)]


def test_of_long_pauses_the_last() -> None:
    pauses = [Pause(80, 83), Pause(92, 93.2)]
    assert plan_cuts(300, pauses, 100, 5)[0].end_s == 92.6


def test_a_pause_that_goes_on_beyond_the_limit() -> None:
    assert plan_cuts(300, [Pause(99, 130)], 100, 5)[:2] == [Cut(0, 99.5, 0), Cut(99.5, 199.5, 0)]


def test_overlap_without_a_pause() -> None:
    assert plan_cuts(250, [], 100, 5) == [Cut(0, 100, 0), Cut(95, 172.5, 5), Cut(167.5, 250, 5)]


def test_the_last_two_share_evenly() -> None:
    assert plan_cuts(301, [Pause(150, 151)], 300, 5) == [Cut(0, 150.5, 0), Cut(150.5, 301, 0)]


@pytest.mark.parametrize(("chunk_s", "overlap_s"), [(0, 0), (-1, 0), (100, -1), (100, 26), (float("nan"), 0)])
def test_senseless_lengths(chunk_s: float, overlap_s: float) -> None:
    with pytest.raises(ValueError, match="can't overlap"):
        plan_cuts(300, [], chunk_s, overlap_s)


@given(recordings())
def test_how_many_there_may_be_is_known_before(recording: tuple[float, list[Pause], float, float]) -> None:
    duration_s, _, chunk_s, overlap_s = recording
    least, most = cut_counts(duration_s, chunk_s, overlap_s)
    assert least <= len(plan_cuts(*recording)) <= most
    assert most <= 2 * least


def test_a_short_recording_is_one_chunk() -> None:
    assert cut_counts(600, 600, 5) == (1, 1)
    assert cut_counts(601, 600, 5) == (2, 2)
    assert cut_counts(3600, 600, 5) == (6, 8)
