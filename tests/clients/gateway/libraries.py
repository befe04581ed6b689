"""OpenAI's agent loop, and the Python libraries of OpenAI and Anthropic. Prints one JSON object.

python libraries.py <step> <base URL> <API key> <model>
"""

import asyncio
import json
import sys

import anthropic
import openai

step, base, key, model = sys.argv[1:]


async def agent():
    """Two calls at once, then an answer."""
    from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled

    set_tracing_disabled(True)
    called = []

    @function_tool
    def add(a: int) -> str:
        """Adds."""
        called.append(a)
        return str(a)

    client = openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0)
    helper = Agent(
        name="helper",
        instructions="Be kind.",
        model=OpenAIResponsesModel(model=model, openai_client=client),
        tools=[add],
    )
    result = await Runner.run(helper, "Hi!")
    return {"output": result.final_output, "called": sorted(called)}


async def responses():
    client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
    with client.responses.stream(model=model, input="Hi!") as stream:
        for _ in stream:
            pass
        return {"text": stream.get_final_response().output_text}


async def embeddings():
    client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
    found = client.embeddings.create(model="demo", input="red fish", dimensions=8)
    return {"vector": list(found.data[0].embedding)}


async def messages():
    client = anthropic.Anthropic(base_url=base.removesuffix("/v1"), api_key=key, max_retries=0)
    request = {"model": model, "messages": [{"role": "user", "content": "Hi!"}]}
    with client.messages.stream(max_tokens=256, **request) as stream:
        final = stream.get_final_message()
    counted = client.messages.count_tokens(**request)
    return {"text": final.content[0].text, "stop": final.stop_reason, "tokens": counted.input_tokens}


steps = {"agent": agent, "responses": responses, "embeddings": embeddings, "messages": messages}
print(json.dumps(asyncio.run(steps[step]())))
