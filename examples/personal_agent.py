"""System C, a personal agent: it keeps the conversation itself, and knows what an answer took.

``python examples/personal_agent.py``
"""

from __future__ import annotations

from simulated import MODELS, provider

from trunkline.compat.personal_agent.config.settings import Config, LLMConfig
from trunkline.compat.personal_agent.llm.client import LLMClient, Message
from trunkline.compat.personal_agent.llm.exceptions import LLMException, ModelError
from trunkline.sim import Fail, Rule, Say, When

PLAY = [
    Rule(Fail(404), when=When(model="no-such-model")),
    Rule(Say("Call the dentist, buy bread and write to Ada."), when=When(text="errands")),
    Rule(Say("The bakery closes first, so buy the bread before anything else."), when=When(text="which")),
]


def main() -> None:
    with provider(PLAY) as name:
        config = LLMConfig(provider=name, model=MODELS[name], max_tokens=300, system_prompt="You are an agent. Be brief.")
        agent = LLMClient(Config(llm=config))
        conversation = [Message("user", "My errands: dentist (call), bread, a letter to Ada. List them in one sentence.")]
        print(f"\nYou:   {conversation[-1].content}")
        reply = agent.generate_response(conversation)
        print(f"Agent: {reply.content}")
        print(f"       ({reply.model}, {reply.finish_reason}, {', '.join(f'{n} {key}' for key, n in reply.usage.items())})")

        conversation += [Message("assistant", reply.content), Message("user", "And which of them first?")]
        print(f"You:   {conversation[-1].content}\nAgent: ", end="")
        for piece in agent.stream_response(conversation):
            print(piece, end="", flush=True)
        print()
        switch(agent, conversation)


def switch(agent: LLMClient, conversation: list[Message]) -> None:
    """An error says which kind it is: the agent may choose another model."""
    try:
        agent.generate_response(conversation, model="no-such-model")
    except ModelError as error:
        print(f"No such model ({type(error).__name__}); one that there is: {agent.get_available_models()[0]}")
    except LLMException as error:
        print(f"Something else went wrong: {error}")


if __name__ == "__main__":
    main()
