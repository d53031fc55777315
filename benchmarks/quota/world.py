"""The simulated system around an algorithm: instances, queues, the durable entity, the endpoint."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.quota.endpoint import Endpoint
from benchmarks.quota.scenario import Backend, Delivery, Scenario
from benchmarks.quota.timeline import Clock
from benchmarks.quota.workload import Job

# Median and spread (sigma of the logarithm) of a round trip to the entity, and the time its server needs for one
# operation. Measured for Azure Storage; Durable Task Scheduler is several times faster.
_BACKENDS: dict[Backend, tuple[float, float, float]] = {"storage": (0.30, 0.45, 0.012), "dts": (0.04, 0.4, 0.002)}
_LATEST_S = 3.0
_DELIVERY_S = (0.01, 0.06)


class Entity:
    """The durable entity: operations run one after the other, each caller waits for a round trip.

    Attributes:
        operations: how many there were.
    """

    def __init__(self, clock: Clock, backend: Backend, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._median_s, self._sigma, self._service_s = _BACKENDS[backend]
        self._free_s = 0.0
        self.operations = 0

    def latency_s(self) -> float:
        """A round trip to the back end, for what isn't an operation of the entity (an activity, a timer)."""
        return self._median_s * self._random.lognormvariate(0, self._sigma)

    def call[T](self, operation: Callable[[], T], reply: Callable[[T], object] | None = None) -> None:
        """Run `operation()` in its turn, and `reply(its result)` when the answer is back at the caller.

        Without `reply` it is a signal: nobody waits for it.
        """
        self.operations += 1
        half_s = self.latency_s() / 2
        self._clock.at(self._clock.now_s + half_s, self._queue, operation, reply, half_s)

    def _queue[T](self, operation: Callable[[], T], reply: Callable[[T], object] | None, half_s: float) -> None:
        self._free_s = max(self._clock.now_s, self._free_s) + self._service_s
        self._clock.at(self._free_s, self._serve, operation, reply, half_s)

    def _serve[T](self, operation: Callable[[], T], reply: Callable[[T], object] | None, half_s: float) -> None:
        result = operation()
        if reply is not None:
            self._clock.at(self._clock.now_s + half_s, reply, result)


@dataclass(slots=True, eq=False)
class Instance:
    """One instance of the app.

    Attributes:
        clock_offset_s: what its own clock shows beyond the true time.
        running: jobs that occupy it.
    """

    number: int
    clock_offset_s: float
    up: bool
    running: int = 0


class Fleet[M]:
    """The instances, and the Service Bus queue that they take messages of type M from.

    A message occupies a place on one instance from its delivery until `release`. While all places are taken, messages
    wait in the queue in their order.

    Args:
        handler: called with each message and its instance.
    """

    def __init__(self, clock: Clock, scenario: Scenario, handler: Callable[[M, Instance], object]) -> None:
        self._clock = clock
        self._handler = handler
        self._random = scenario.random("fleet")
        self._delivery: Delivery = scenario.delivery
        self._places = scenario.concurrency
        self._cold = scenario.cold_start
        spread_s = scenario.clock_offset_s
        self.instances = [
            Instance(number, self._random.uniform(-spread_s, spread_s), up=not scenario.cold_start)
            for number in range(scenario.instances)
        ]
        self._queue: deque[M] = deque()

    def send(self, message: M, due_s: float | None = None) -> None:
        """Send a message now, or scheduled for `due_s`, when it is delivered late as the scenario says."""
        now_s = self._clock.now_s
        if due_s is None or due_s <= now_s:
            delivered_s = now_s + self._random.uniform(*_DELIVERY_S)
        else:
            delivered_s = due_s + self._lateness_s()
        self._clock.at(delivered_s, self._deliver, message)
        if self._cold:
            self._cold = False
            for instance in self.instances:
                self._clock.at(now_s + self._random.uniform(10, 60), self._start, instance)

    def release(self, instance: Instance) -> None:
        """A message's run is over: its place is free."""
        instance.running -= 1
        self._drain()

    def abandon(self, message: M, instance: Instance) -> None:
        """A message's run failed: it goes back to the head of the queue, and is delivered again."""
        instance.running -= 1
        self._clock.at(self._clock.now_s + self._random.uniform(*_DELIVERY_S), self._deliver_again, message)
        self._drain()

    def _deliver_again(self, message: M) -> None:
        self._queue.appendleft(message)
        self._drain()

    def _lateness_s(self) -> float:
        if self._delivery == "late":
            return self._random.uniform(0, _LATEST_S)
        return min(_LATEST_S, self._random.expovariate(4))

    def _start(self, instance: Instance) -> None:
        instance.up = True
        self._drain()

    def _deliver(self, message: M) -> None:
        self._queue.append(message)
        self._drain()

    def _drain(self) -> None:
        while self._queue:
            instance = self._free()
            if instance is None:
                return
            instance.running += 1
            self._handler(self._queue.popleft(), instance)

    def _free(self) -> Instance | None:
        first = self._random.randrange(len(self.instances))
        for instance in (*self.instances[first:], *self.instances[:first]):
            if instance.up and instance.running < self._places:
                return instance
        return None


@dataclass(slots=True)
class Tally:
    """What algorithms report themselves.

    Attributes:
        waited_s: billed waiting: time that a run held its place without its call being under way.
        runs: deliveries to a run function.
        missed: runs whose booking was late, spent or frozen, so that they made no call.
    """

    waited_s: float = 0.0
    runs: int = 0
    missed: int = 0


@dataclass(slots=True, eq=False)
class World:
    """Everything that an algorithm is given."""

    scenario: Scenario
    clock: Clock
    jobs: Sequence[Job]
    endpoint: Endpoint
    entity: Entity
    tally: Tally = field(default_factory=Tally)
    left: int = 0

    @classmethod
    def build(cls, scenario: Scenario, clock: Clock, jobs: Sequence[Job]) -> "World":
        endpoint = Endpoint(clock, scenario.limits, scenario.random("endpoint"))
        entity = Entity(clock, scenario.backend, scenario.random("entity"))
        return cls(scenario, clock, jobs, endpoint, entity, left=len(jobs))

    def fleet[M](self, handler: Callable[[M, Instance], object]) -> Fleet[M]:
        """The scenario's instances, fed from a queue of messages of type M."""
        return Fleet(self.clock, self.scenario, handler)

    def finish(self) -> None:
        """One job is done. The simulation ends with the last."""
        self.left -= 1
        if self.left == 0:
            self.clock.stop()
