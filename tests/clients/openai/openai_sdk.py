"""OpenAI's official library. Prints one JSON object.

    python openai_sdk.py <step> <base URL> <API key> <model>
"""

import json
import sys

import openai

step, base_url, api_key, model = sys.argv[1:5]
client = openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
messages = [{"role": "user", "content": "Hi!"}]
add = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        },
    },
}


def caught(call):
    """What an error is to a program that catches it."""
    try:
        return {"resolved": call()}
    except openai.APIError as error:
        return {
            "name": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "code": error.code,
            "param": error.param,
            "type": error.type,
        }


def chat():
    raw = client.chat.completions.with_raw_response.create(model=model, messages=messages, seed=7)
    return {
        **raw.parse().model_dump(),
        "requestId": raw.request_id,
        "provider": raw.headers.get("x-goldfish-provider"),
    }


def stream():
    chunks = client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    return {"chunks": [chunk.model_dump(exclude_unset=True) for chunk in chunks]}


def tools():
    """Calls the tool that the model asks for, and sends its result."""
    asked = client.chat.completions.create(model=model, messages=messages, tools=[add])
    message = asked.choices[0].message
    call = message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    result = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": str(arguments["a"] + arguments["b"]),
    }
    answered = client.chat.completions.create(
        model=model, messages=[*messages, message, result], tools=[add]
    )
    return {
        "call": {"name": call.function.name, "arguments": arguments},
        "content": answered.choices[0].message.content,
    }


def streamed_tools():
    with client.chat.completions.stream(model=model, messages=messages, tools=[add]) as events:
        for _ in events:
            pass
        return events.get_final_completion().choices[0].model_dump()


def models():
    return {
        "ids": [listed.id for listed in client.models.list()],
        "retrieved": client.models.retrieve(model).model_dump(),
    }


def errors():
    def create(options=None, **changes):
        request = {"model": model, "messages": messages, **changes}
        return caught(lambda: client.chat.completions.create(**request, extra_headers=options))

    return {
        "model": create(model="gpt-0"),
        "temperature": create(temperature=9),
        "message": create(messages=[{"role": "king", "content": "Hi"}]),
        "n": create(n=2),
        "key": create({"authorization": "Bearer nonsense"}),
        "retrieve": caught(lambda: client.models.retrieve("gpt-0")),
    }


def broken():
    """The provider fails while it speaks."""
    text = []

    def read():
        for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
            text.extend(choice.delta.content or "" for choice in chunk.choices)

    return {**caught(read), "text": "".join(text)}


def abort():
    """Leaves in the middle of an answer that would go on."""
    events = client.chat.completions.create(model=model, messages=messages, stream=True)
    text = ""
    for chunk in events:
        text += chunk.choices[0].delta.content or ""
        if text:
            break
    events.close()
    return {"text": text}


print(json.dumps(globals()[step]()))
