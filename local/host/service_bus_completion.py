"""Completing many messages in one step.

The SDK's public calls settle one message each and wait for its answer; as the real host settles at a time, that would
make each listener several times slower than the real one. AMQP settles a range of deliveries with one disposition, and
so does the SDK's own AMQP client, which this uses below its public surface (azure-servicebus is pinned).
"""

import time
from collections.abc import Iterable
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus._pyamqp.constants import LinkState
from azure.servicebus._pyamqp.error import AMQPException, MessageException
from azure.servicebus._pyamqp.outcomes import Accepted
from azure.servicebus._pyamqp.receiver import check_disposition_outcome
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusConnectionError

_TIMEOUT_S = 60.0
_ACCEPTED = Accepted()


async def complete_all(
    receiver: ServiceBusReceiver, messages: Iterable[ServiceBusReceivedMessage]
) -> list[ServiceBusReceivedMessage]:
    """Complete the messages that this receiver's open link has delivered. Only one task may use the receiver.

    Returns:
        Those that are not completed: delivered by an earlier connection, or refused, as their locks are lost. The
        receiver's own complete_message() handles the first and says what is wrong with the second.

    Raises:
        ServiceBusConnectionError: the connection is lost; it isn't known which messages are completed.
    """
    # Through Any: these parts of the SDK are not annotated.
    link: Any = receiver._handler._link
    here: dict[int, Any] = {}
    rest = []
    for message in messages:
        found: Any = message
        if found._delivery_tag in link._received_delivery_tags and not found._lock_expired:
            here[found._delivery_id] = found
        else:
            rest.append(message)
    if here:
        await _settle(link, here)
        rest += [message for message in here.values() if not message._settled]
    return rest


async def _settle(link: Any, messages: dict[int, Any]) -> None:
    answers: dict[int, dict[str, Any]] = {number: {"settled": False, "outcome": None} for number in messages}
    link._pending_dispositions |= answers
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        for first, last in _ranges(messages):
            await link._outgoing_disposition(first, last, messages[first]._delivery_tag, None, _ACCEPTED, None)
            for number in range(first + 1, last + 1):  # the SDK expects one tag a disposition
                link._received_delivery_tags.discard(messages[number]._delivery_tag)
        while not all(answer["settled"] for answer in answers.values()):
            if link.state in (LinkState.DETACHED, LinkState.ERROR) or time.monotonic() > deadline:
                raise ServiceBusConnectionError(message="The link ended before its answer to a settlement came.")
            await link._session._connection.listen(wait=False)
    except AMQPException as error:
        raise ServiceBusConnectionError(message=f"The connection was lost while settling: {error}") from error
    finally:
        for number in answers:
            link._pending_dispositions.pop(number, None)
    for number, answer in answers.items():
        try:
            check_disposition_outcome(number, answer["outcome"])
        except MessageException:
            continue
        messages[number]._settled = True


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Unbroken runs: 3, 4, 5, 9 are (3, 5) and (9, 9)."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
