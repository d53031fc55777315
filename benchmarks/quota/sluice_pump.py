"""Sluice's own admission: the application's pump, counter and run decisions, around the simulated services.

What decides is the application's code: `shared.quota.admission`, `token_counter.apply`, `delivery.decide_run`,
`clock_offset`; the states of pump and counter go through JSON at every step. What stands in here are the tables, the
orchestration with its activities, and the queue of messages that carry bookings.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.quota.endpoint import Answer
from benchmarks.quota.workload import Job
from benchmarks.quota.world import Instance, World
from shared.quota.admission import MAX_HEARD, Admission
from shared.quota.clock_offset import ClockOffset
from shared.quota.cycle import Cadence, Heard, OpenCalls, Placement, Plan
from shared.quota.delivery import Call, Missed, Ticket, Wait, decide_run
from shared.quota.fair_queue import PendingJob, Queue
from shared.quota.freeze import Freeze
from shared.quota.limits import Limits
from shared.quota.token_counter import apply

EPOCH_S = 1_790_000_000.0  # the simulation's time 0 by the server's clock
_HEADS = 600
_INTAKE_S = 0.05
_ROW_S = (0.005, 0.03)
_CLOCK_PROBES = 5
_LOST_AFTER_S = 60.0


@dataclass(slots=True)
class _Notes:
    """What runs wrote into the job rows that the pump hasn't read yet."""

    settled: list[tuple[float, int, int, float]] = field(default_factory=list)
    released: list[tuple[float, int, int]] = field(default_factory=list)
    missed_s: list[float] = field(default_factory=list)
    lateness_s: list[float] = field(default_factory=list)
    observed: list[tuple[float, int, int]] = field(default_factory=list)
    usage: list[int] = field(default_factory=lambda: [0, 0, 0])

    def take(self) -> Heard:
        settled, self.settled = self.settled[:MAX_HEARD], self.settled[MAX_HEARD:]
        released, self.released = self.released[:MAX_HEARD], self.released[MAX_HEARD:]
        calls, prompt_tokens, completion_tokens = self.usage
        heard = Heard(
            settled, released, self.missed_s, self.lateness_s, self.observed, (calls, prompt_tokens, completion_tokens)
        )
        self.missed_s, self.lateness_s, self.observed, self.usage = [], [], [], [0, 0, 0]
        return heard


@dataclass(frozen=True, slots=True)
class _Message:
    job: Job
    placement: Placement


class SluicePump:
    """The algorithm."""

    engine: Literal["events", "asyncio"] = "events"
    cadence = Cadence()

    def __init__(self, world: World) -> None:
        self.world = world
        self._clock = world.clock
        self._random = world.scenario.random("sluice")
        tpm = world.scenario.tpm
        self.limits = Limits(tpm, world.scenario.limits.rpm, world.scenario.request_window_s).as_dict()
        self._fleet = world.fleet(self._delivered)
        self._offsets = [ClockOffset() for _ in self._fleet.instances]
        for instance in self._fleet.instances:
            self._probe_clock(instance, _CLOCK_PROBES)
        self._pending: dict[str, deque[Job]] = {}
        self._jobs: dict[str, Job] = {}
        self._notes = _Notes()
        self._outstanding: dict[int, float] = {}
        self._freeze = Freeze()
        self._counter: str | None = None
        self._pump: str | None = None
        self._running = False
        self._throttles = 0

    @property
    def now_s(self) -> float:
        """The server's clock."""
        return EPOCH_S + self._clock.now_s

    def arrive(self, job: Job) -> None:
        """Intake stores the job, then wakes the pump."""
        self._jobs[str(job.id)] = job
        self._clock.at(self._clock.now_s + _INTAKE_S, self._stored, job)

    def _stored(self, job: Job) -> None:
        self._pending.setdefault(job.app, deque()).append(job)
        self._wake()

    def _back(self, job: Job) -> None:
        self._pending.setdefault(job.app, deque()).appendleft(job)
        self._wake()

    def _wake(self) -> None:
        if not self._running:
            self._running = True
            self._later(self._cycle)

    # The orchestration: pick -> counter -> send -> timer.

    def _cycle(self) -> None:
        self._later(self._pick, self.now_s)

    def _pick(self, began_s: float) -> None:
        queues = [
            Queue([PendingJob(str(job.id), job.tokens, app) for job in list(jobs)[:_HEADS]], more=len(jobs) > _HEADS)
            for app, jobs in self._pending.items()
            if jobs
        ]
        lost_before_s = self.now_s - _LOST_AFTER_S
        starts = ((start_s, 1) for start_s in self._outstanding.values() if start_s > lost_before_s)
        state = None if self._pump is None else json.loads(self._pump)
        plan = self._admission().plan(state, queues, self._notes.take(), OpenCalls.of(starts, self.now_s), began_s)
        if plan.payload is None:
            self._send(plan, queues, None)
            return
        self.world.entity.call(
            lambda: self._operate("book", plan.payload),
            lambda answer: self._later(self._send, plan, queues, answer),
        )

    def _send(self, plan: Plan, queues: list[Queue], answer: dict[str, Any] | None) -> None:
        result = self._admission().place(plan, answer, queues, self.now_s)
        self._pump = json.dumps(result.state)
        self._learn(result.freeze)
        booked = set()
        for placement in result.placements:
            job = self._jobs[placement.job.id]
            booked.add(job)
            self._outstanding[job.id] = placement.start_s
            due_s = None if placement.due_s is None else placement.due_s - EPOCH_S
            self._fleet.send(_Message(job, placement), due_s)
        for app, jobs in self._pending.items():
            if booked:
                self._pending[app] = deque(job for job in jobs if job not in booked)
        if result.next_s is not None:
            self._clock.at(result.next_s - EPOCH_S, self._cycle)
        else:
            self._running = False
            if any(self._pending.values()):
                self._wake()  # came while the cycle ran: intake found the pump running, the one-minute timer would not

    def _operate(self, operation: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        state = None if self._counter is None else json.loads(self._counter)
        new_state, answer = apply(state, operation, json.loads(json.dumps(payload)), self.now_s)
        assert answer["ok"], answer
        self._counter = json.dumps(new_state)
        return answer

    # The run function.

    def _delivered(self, message: _Message, instance: Instance) -> None:
        self.world.tally.runs += 1
        message.job.deliveries += 1
        self._outstanding.pop(message.job.id, None)
        if message.placement.due_s is not None:
            self._notes.lateness_s.append(self._now_of(instance) - message.placement.due_s)
        self._clock.at(self._clock.now_s + self._row_s(), self._decide, message, instance, self._clock.now_s)

    def _decide(self, message: _Message, instance: Instance, began_s: float) -> None:
        self._hear_clock(instance)
        placement = message.placement
        ticket = Ticket(placement.start_s, placement.tolerance_s, placement.epoch)
        match decide_run(ticket, self._freeze, self._now_of(instance)):
            case Wait(delay_s):
                self._clock.at(self._clock.now_s + delay_s + 1e-6, self._decide, message, instance, began_s)
            case Missed(reason):
                self.world.tally.missed += 1
                self.world.tally.waited_s += self._clock.now_s - began_s
                if reason == "late":
                    self._notes.missed_s.append(self._now_of(instance))
                self._give_back(message, instance)
            case Call(sent_s):
                self._clock.at(self._clock.now_s + self._row_s(), self._call, message, instance, sent_s, began_s)

    def _call(self, message: _Message, instance: Instance, sent_s: float, began_s: float) -> None:
        self.world.tally.waited_s += self._clock.now_s - began_s
        self.world.endpoint.post(message.job, lambda answer: self._answered(message, instance, sent_s, answer))
        placement = message.placement
        self._notes.settled.append((placement.start_s, message.job.tokens, placement.epoch, sent_s))

    def _answered(self, message: _Message, instance: Instance, sent_s: float, answer: Answer) -> None:
        if answer.admitted:
            remaining = int(answer.headers["x-ratelimit-remaining-tokens"])
            self._notes.observed.append((sent_s, message.job.tokens, remaining))
            for number, amount in enumerate((1, message.job.prompt_tokens, message.job.output_tokens)):
                self._notes.usage[number] += amount
            self._fleet.release(instance)
            self.world.finish()
            return
        retry_after_s = int(answer.headers["retry-after-ms"]) / 1000
        epoch = message.placement.epoch
        self._throttles += 1
        payload = {"id": f"{message.job.id}/{self._throttles}", "retry_after_s": retry_after_s, "epoch": epoch}
        if answer.decision.exceeded == "token":
            payload |= {"sent_s": round(sent_s, 3), "tokens": message.job.tokens}
        self.world.entity.call(lambda: self._operate("throttled", payload))
        frozen = self._freeze.after(epoch, retry_after_s, self._now_of(instance))
        self._clock.at(self._clock.now_s + self._row_s(), self._learn, frozen)
        self._notes.settled = [one for one in self._notes.settled if one[3] != sent_s]
        self._give_back(message, instance)

    def _give_back(self, message: _Message, instance: Instance) -> None:
        placement = message.placement
        self._notes.released.append((placement.start_s, message.job.tokens, placement.epoch))
        self._fleet.release(instance)
        self._clock.at(self._clock.now_s + self._row_s(), self._back, message.job)

    def _learn(self, freeze: Freeze) -> None:
        known = self._freeze
        self._freeze = Freeze(max(known.epoch, freeze.epoch), max(known.until_s, freeze.until_s))

    # Clocks.

    def _own_s(self, instance: Instance) -> float:
        return self.now_s + instance.clock_offset_s

    def _now_of(self, instance: Instance) -> float:
        return self._own_s(instance) + self._offsets[instance.number].offset_s

    def _hear_clock(self, instance: Instance) -> None:
        """An answer of the table service just came; its `Date` has whole seconds."""
        own_s = self._own_s(instance)
        took_s = self._row_s()
        server_s = float(int(self.now_s - took_s * self._random.random()))
        self._offsets[instance.number] = self._offsets[instance.number].heard(own_s - took_s, server_s, own_s)

    def _probe_clock(self, instance: Instance, times: int) -> None:
        """A worker that starts asks for the time before it takes messages."""
        self._hear_clock(instance)
        if times > 1:
            own_s = self._own_s(instance)
            wait_s = self._offsets[instance.number].probe_at_s(own_s) - own_s
            self._clock.at(self._clock.now_s + wait_s + self._row_s(), self._probe_clock, instance, times - 1)

    def _admission(self) -> Admission:
        return Admission("gpt-4o", self.limits, cadence=self.cadence)

    def _later(self, step: Any, *args: Any) -> None:
        self._clock.at(self._clock.now_s + self.world.entity.latency_s(), step, *args)

    def _row_s(self) -> float:
        return self._random.uniform(*_ROW_S)
