"""Which messages make up an episode."""

from dataclasses import replace

from local.host.durable.history import EventType, message
from local.host.durable.records import Instance, Message, Progress, Retried, Status
from local.host.durable.selection import select

RUNNING = Instance("i", "plan", "e1", None, 0.0, 0.0, Status.RUNNING)
SUSPENDED = replace(RUNNING, status=Status.SUSPENDED)


def waiting(seq: int, kind: EventType, execution_id: str | None = "e1", **fields: object) -> Message:
    return Message(seq, message(kind, **fields), execution_id)


COMPLETED = waiting(1, EventType.TASK_COMPLETED, TaskScheduledId=0)
FAILED = waiting(2, EventType.TASK_FAILED, TaskScheduledId=1)
EVENT = waiting(3, EventType.EVENT_RAISED, None, Name="go")
FIRED = waiting(4, EventType.TIMER_FIRED, TimerId=2)
SUSPEND = waiting(5, EventType.EXECUTION_SUSPENDED, None)
RESUME = waiting(6, EventType.EXECUTION_RESUMED, None)
TERMINATE = waiting(7, EventType.EXECUTION_TERMINATED, None)
START = waiting(8, EventType.EXECUTION_STARTED)


def test_all_that_take_no_hidden_ids_go_together() -> None:
    assert select(RUNNING, [COMPLETED, FAILED, EVENT, FIRED]).taken == (COMPLETED, FAILED, EVENT, FIRED)


def test_a_failed_attempt_and_the_timer_after_it_begin_an_episode() -> None:
    retrying = replace(RUNNING, progress=Progress(3, 2, "", {1: Retried(1, 1), 2: Retried(0, 1, waiting=True)}))
    assert select(retrying, [COMPLETED, FAILED, EVENT, FIRED]).taken == (COMPLETED,)
    assert select(retrying, [FAILED, EVENT, FIRED]).taken == (FAILED, EVENT)
    assert select(retrying, [FIRED, COMPLETED]).taken == (FIRED, COMPLETED)
    # A retried task that succeeds takes no further id.
    done = waiting(9, EventType.TASK_COMPLETED, TaskScheduledId=1)
    assert select(retrying, [EVENT, done]).taken == (EVENT, done)


def test_the_start_goes_first() -> None:
    assert select(replace(RUNNING, status=Status.PENDING), [EVENT, START]).taken == (START, EVENT)


def test_messages_for_other_executions_and_ended_instances_are_dropped() -> None:
    old = waiting(1, EventType.TASK_COMPLETED, "e0", TaskScheduledId=0)
    chosen = select(RUNNING, [old, EVENT])
    assert (chosen.taken, chosen.dropped) == ((EVENT,), (old,))
    for instance in (None, replace(RUNNING, status=Status.COMPLETED)):
        chosen = select(instance, [EVENT, TERMINATE])
        assert (chosen.kind, chosen.taken, chosen.dropped) == ("wait", (), (EVENT, TERMINATE))


def test_termination_overtakes_everything() -> None:
    for instance in (RUNNING, SUSPENDED):
        chosen = select(instance, [EVENT, SUSPEND, TERMINATE])
        assert (chosen.kind, chosen.taken) == ("control", (TERMINATE,))


def test_a_suspended_instance_waits_to_be_resumed() -> None:
    assert select(SUSPENDED, [EVENT, COMPLETED]).kind == "wait"
    assert select(SUSPENDED, [EVENT, RESUME]).taken == (RESUME,)
    assert select(SUSPENDED, [EVENT, RESUME]).kind == "control"


def test_what_arrived_before_the_suspension_is_worked_off_first() -> None:
    chosen = select(RUNNING, [EVENT, SUSPEND, COMPLETED])
    assert (chosen.kind, chosen.taken) == ("run", (EVENT,))
    chosen = select(RUNNING, [SUSPEND, EVENT])
    assert (chosen.kind, chosen.taken) == ("control", (SUSPEND,))
