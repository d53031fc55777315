"""An app whose orchestration makes model calls the way Sluice's do."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from functions import admission, http_endpoint, token_counter
from functions.booking import WaitingCall, booked_call

app = df.DFApp()
for blueprint in (admission.bp, token_counter.bp, http_endpoint.bp):
    app.register_functions(blueprint)


@app.orchestration_trigger(context_name="context")
def conversation(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """As many calls as it is asked for, one after the other."""
    answers = []
    for number in range(context.get_input()["calls"]):
        call = WaitingCall(
            "gpt-4o-mini", "conversation", context.instance_id, tokens=100, app_id="talk", priority="high"
        )
        answers.append((yield from booked_call(context, "ask", f"question {number}", call)))
    return answers


@app.activity_trigger(input_name="order")
async def ask(order: dict) -> dict:  # type: ignore[type-arg]
    """One call."""
    from shared.bootstrap import services
    from shared.errors import BookingMissedError
    from shared.messages import RunTicket
    from shared.model.client import ChatMessage, Completion
    from shared.model.metering import MeteredModelClient

    found = await services()
    messages: list[ChatMessage] = [{"role": "user", "content": order["request"]}]

    async def step(model: MeteredModelClient) -> Completion:
        return await model.chat_completion(messages, max_tokens=20)

    try:
        completion = await found.chat.calls.make(RunTicket(**order["ticket"]), found.chat.model, step)
    except BookingMissedError:
        return {"missed": True}
    return {"asked": order["request"], "tokens": completion.usage.total_tokens}
