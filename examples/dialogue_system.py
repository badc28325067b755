"""System A, a dialogue system: several roles talk, one after another, and a moderator sums up. Synchronous, several threads.

``python examples/dialogue_system.py``
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from simulated import provider

from trunkline.compat.llm_communication import LLMCommunication, LLMException, ProviderUnavailableException
from trunkline.sim import Fail, Rule, Say, When

TOPIC = "Should a town close its centre to cars?"
ROLES = {
    "Planner": "You plan towns, and think of streets. Answer in one or two sentences.",
    "Shopkeeper": "You keep a shop in the town's centre. Answer in one or two sentences.",
}
PLAY = [
    Rule(Fail(529), times=1),  # overloaded at first: nobody notices but the clock
    Rule(
        Say("Streets without cars are streets with people; let us start with one, and count who comes."), when=When(system="plan")
    ),
    Rule(Say("My customers come by car from the villages, so give them a car park and a tram first."), when=When(system="shop")),
    Rule(Say("Yes, if the trams come first."), when=When(text="in one sentence")),
    Rule(Say("for"), when=When(text="for or against")),
]


def main() -> None:
    with provider(PLAY):
        llm = LLMCommunication(max_tokens=300)
        print("Who can answer, in this order:", ", ".join(llm.provider_manager.detect_available_providers()))
        said = talk(llm)
        summary = llm.generate_response([{"role": "user", "content": f"{said}\nSum this up in one sentence."}])
        print("\nModerator:", summary.content)
        print("Votes:", ", ".join(vote(llm, said)))
        fail()
        print(f"The moderator was {summary.provider}'s {summary.model}: {summary.usage.total_tokens} tokens")


def talk(llm: LLMCommunication) -> str:
    """What the roles say, each knowing what was said before it, shown as it is written."""
    print(f"\nTopic: {TOPIC}")
    said = TOPIC
    for role, character in ROLES.items():
        print(f"{role}: ", end="")
        pieces = []
        for piece in llm.generate_stream([{"role": "system", "content": character}, {"role": "user", "content": said}]):
            print(piece, end="", flush=True)
            pieces.append(piece)
        print()
        said += f"\n{role}: {''.join(pieces)}"
    return said


def vote(llm: LLMCommunication, said: str) -> list[str]:
    """All roles at once: one module serves any number of threads."""
    with ThreadPoolExecutor() as threads:
        asked = [f"{said}\nYou are the {role}. Answer with one word: for or against?" for role in ROLES]
        return [f"{role} {answer.strip()}" for role, answer in zip(ROLES, threads.map(llm.generate_text, asked), strict=True)]


def fail() -> None:
    """Whatever goes wrong is an ``LLMException``, which says what to do."""
    try:
        LLMCommunication("nobody").generate_text(TOPIC)
    except ProviderUnavailableException as error:
        print("Nobody answers:", str(error).partition(";")[0])
    except LLMException as error:
        print("Something else:", error)


if __name__ == "__main__":
    main()
