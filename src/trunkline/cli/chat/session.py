"""A chat: what was said, to whom, and what it took."""

from __future__ import annotations

from decimal import Decimal

from ... import CallOptions, Client, Message, Response, Stream, TrunklineError, UsageError, Warning
from ..answer import tell, write, writer
from ..output import is_terminal, note
from .reading import unechoed

STOPPED = "[the user stopped the answer here]"
"""Ends the part of an answer that was stopped, for the model and for whoever reads the stored chat."""


class Spent:
    """Tokens and cost of all answers. What a provider does not tell is counted as not told, never as nothing."""

    def __init__(self) -> None:
        self.answers: int = 0
        self.unknown_tokens: int = 0
        self.unknown_cost: int = 0
        self.input_tokens: int = 0
        self.output_tokens: int = 0
        self.cost: Decimal = Decimal(0)

    def add(self, response: Response) -> None:
        usage = response.usage
        self.answers += 1
        if usage.input_tokens is None or usage.output_tokens is None:
            self.unknown_tokens += 1
        self.input_tokens += usage.input_tokens or 0
        self.output_tokens += usage.output_tokens or 0
        if response.cost is None:
            self.unknown_cost += 1
        else:
            self.cost += response.cost

    def __str__(self) -> str:
        if not self.answers:
            return "no answers yet"
        tokens = f"{self.input_tokens} + {self.output_tokens} tokens (said + answered)"
        if self.unknown_tokens:
            tokens += f", without {self.unknown_tokens} of which it is not known"
        cost = f"{self.cost:f} USD"
        if self.unknown_cost:
            known = self.answers - self.unknown_cost
            cost = f"{cost} for {known} of them, not known for {self.unknown_cost}" if known else "cost not known"
        return f"{self.answers} {'answer' if self.answers == 1 else 'answers'}: {tokens}; {cost}"


class Session:
    """One conversation with one client. ``messages`` holds it whole, without the instructions, and goes out whole each turn."""

    def __init__(self, llm: Client, model: str, options: CallOptions, *, plain: bool, interactive: bool) -> None:
        self.llm: Client = llm
        self.model: str = model
        self.system: str | None = None
        self.messages: list[Message] = []
        self.spent: Spent = Spent()
        self.failed: bool = False
        """Whether any turn was not answered."""
        self._warnings: tuple[Warning, ...] = ()  # of the last answer: what holds on from turn to turn is told once
        self._options = options
        self._plain = plain
        self._interactive = interactive

    def choose(self, model: str) -> None:
        """Go on with another model. Raises ``UsageError`` for a name that leads nowhere, and changes nothing then."""
        self.llm.stream("?", model=model)  # finds the target; nothing is sent before a stream is read
        self.model = model

    def turn(self, text: str) -> None:
        """Say ``text`` and write the answer. What a provider cannot do is told, and the turn taken back; Ctrl-C ends the answer,
        and what there is of it stays (``KeyboardInterrupt`` where nobody is there to go on)."""
        before = len(self.messages)
        self.messages.append(Message.user(text))
        to = writer(plain=self._plain, thoughts=self._interactive and is_terminal())
        stream: Stream | None = None
        try:
            with unechoed():
                to.wait()
                stream = self.llm.stream(self.messages, **self._call())
                with stream:
                    response = write(stream, to)
        except KeyboardInterrupt:
            self._stopped(before, stream)
            to.end()
            if not self._interactive:
                raise
            note("stopped" if len(self.messages) > before else "stopped; nothing was said yet, so the turn is taken back")
        except TrunklineError as error:
            del self.messages[before:]
            self.failed = True
            to.end()
            note(f"error: {error}")
            note("the turn is taken back")
        except BaseException:  # SIGTERM
            to.end()
            raise
        else:
            to.end()
            self._answered(before, response)

    def _call(self) -> CallOptions:
        options: CallOptions = {**self._options, "model": self.model}
        if self.system is not None:
            options["system"] = self.system
        return options

    def _answered(self, before: int, response: Response) -> None:
        self.spent.add(response)
        tell(response, self._warnings)
        self._warnings = response.warnings
        if response.message.parts:
            self.messages.append(response.message)
        else:
            del self.messages[before:]

    def _stopped(self, before: int, stream: Stream | None) -> None:
        """Keeps the words that came: half a thought or half a tool call is of no use to anybody."""
        response = None if stream is None else stream.response
        if response is None or not response.text.strip():
            del self.messages[before:]
            return
        self.spent.add(response)
        self.messages.append(Message.assistant(f"{response.text.rstrip()}\n\n{STOPPED}"))

    def undo(self) -> str | None:
        """Take back the last question and what followed it; gives the question, None where there is none."""
        for place in range(len(self.messages) - 1, -1, -1):
            if self.messages[place].role == "user":
                text = self.messages[place].text
                del self.messages[place:]
                return text
        return None

    def stored(self) -> list[Message]:
        """The conversation with its instructions at its head, as ``/save`` writes it."""
        return ([] if self.system is None else [Message.system(self.system)]) + self.messages

    def restore(self, messages: object) -> None:
        """Go on with a stored conversation. Raises ``UsageError`` for anything that is none."""
        if not isinstance(messages, tuple) or not all(isinstance(message, Message) for message in messages):
            raise UsageError("holds no conversation", field="FILE", allowed="what /save has written")
        heads = [message for message in messages if message.role == "system"]
        self.system = "\n\n".join(message.text for message in heads) if heads else None
        self.messages = [message for message in messages if message.role != "system"]
