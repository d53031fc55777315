"""What may not be attached to, and what the SDK makes of the refusal."""

from concurrent.futures import ThreadPoolExecutor

from azure.servicebus import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import MessagingEntityNotFoundError, ServiceBusError


def refusal(link: ServiceBusSender | ServiceBusReceiver) -> ServiceBusError | None:
    try:
        with link:
            return None
    except ServiceBusError as error:
        return error


def test_links_that_are_refused(client: ServiceBusClient) -> None:
    unknown = [
        client.get_queue_sender("nowhere"),
        client.get_queue_receiver("nowhere"),
        client.get_subscription_receiver("topic", "nobody"),
    ]
    not_allowed = [
        client.get_queue_sender("work/$DeadLetterQueue"),
        client.get_queue_sender("topic/Subscriptions/all"),
        client.get_queue_receiver("topic"),
        client.get_queue_receiver("forwarding"),
        client.get_queue_receiver("sessions"),
        client.get_queue_receiver("work", session_id="A"),
    ]
    links = [*unknown, *not_allowed]
    with ThreadPoolExecutor(len(links)) as pool:
        errors = list(pool.map(refusal, links))

    assert [type(error) for error in errors[: len(unknown)]] == [MessagingEntityNotFoundError] * len(unknown)
    for error in errors[len(unknown) :]:
        assert "amqp:not-allowed" in str(error)
