"""Topics, subscriptions and forwarding with the official SDK."""

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

from tests.integration.service_bus.conftest import opened, take


def test_rules_decide_who_gets_a_copy(client: ServiceBusClient) -> None:
    with opened(
        client.get_topic_sender("topic"),
        client.get_subscription_receiver("topic", "all"),
        client.get_subscription_receiver("topic", "red"),
        client.get_subscription_receiver("topic", "red", sub_queue=ServiceBusSubQueue.DEAD_LETTER),
    ) as (sender, all_of_them, red, dead_letters):
        red_one = ServiceBusMessage("red", application_properties={"colour": "red"})
        sender.send_messages([ServiceBusMessage("plain"), red_one])
        messages = take(all_of_them, 2)
        assert [str(message) for message in messages] == ["plain", "red"]
        for message in messages:
            all_of_them.complete_message(message)
        (only,) = take(red, 1)
        assert str(only) == "red"
        red.dead_letter_message(only, reason="why")
        (dead,) = take(dead_letters, 1)
        assert dead.dead_letter_reason == "why"
        dead_letters.complete_message(dead)


def test_a_queue_forwards_what_is_sent_to_it(client: ServiceBusClient) -> None:
    with opened(client.get_queue_sender("forwarding"), client.get_queue_receiver("target")) as (sender, receiver):
        sender.send_messages(ServiceBusMessage("x"))

        (message,) = take(receiver, 1)

        assert str(message) == "x"
        receiver.complete_message(message)
