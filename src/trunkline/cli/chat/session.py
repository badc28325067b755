"""A chat: what was said, to whom, and what it took."""

from __future__ import annotations

from decimal import Decimal

from ... import CallOptions, Client, Conversation, Message, Response, Store, Stream, TrunklineError, Warning
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
    """What is said at one sitting, to one client. ``chat`` holds it; with a ``store`` it is saved there."""

    def __init__(
        self, llm: Client, model: str, options: CallOptions, *, plain: bool, interactive: bool, store: Store | None = None
    ) -> None:
        self.model: str = model
        self._llm, self._options, self._store = llm, options, store
        self.chat: Conversation = self.begun(None)
        self.spent: Spent = Spent()
        self.failed: bool = False
        """Whether any turn was not answered."""
        self._warnings: tuple[Warning, ...] = ()  # of the last answer: what holds on from turn to turn is told once
        self._plain = plain
        self._interactive = interactive

    def begun(self, system: str | None, id: str | None = None) -> Conversation:
        """A new conversation, or the one of that id."""
        options: CallOptions = {**self._options, "model": self.model}
        return self._llm.conversation(system, saved_in=self._store, id=id, **options)

    def choose(self, model: str) -> None:
        """Go on with another model. Raises ``UsageError`` for a name that leads nowhere, and changes nothing then."""
        self.chat.model = model
        self.model = model

    def turn(self, text: str) -> None:
        """Say ``text`` and write the answer. What a provider cannot do is told, and the turn taken back; Ctrl-C ends the answer,
        and what there is of it stays (``KeyboardInterrupt`` where nobody is there to go on)."""
        to = writer(plain=self._plain, thoughts=self._interactive and is_terminal())
        stream: Stream | None = None
        try:
            with unechoed():
                to.wait()
                stream = self.chat.stream(text)
                with stream:
                    response = write(stream, to)
        except KeyboardInterrupt:
            kept = self._stopped(text, stream)
            to.end()
            if not self._interactive:
                raise
            note("stopped" if kept else "stopped; nothing was said yet, so the turn is taken back")
        except TrunklineError as error:
            self.failed = True
            to.end()
            note(f"error: {error}")
            note("the turn is taken back")
        except BaseException:  # SIGTERM
            to.end()
            raise
        else:
            to.end()
            self.spent.add(response)
            tell(response, self._warnings)
            self._warnings = response.warnings

    def _stopped(self, text: str, stream: Stream | None) -> bool:
        """Keeps the words that came: half a thought or half a tool call is of no use to anybody."""
        response = None if stream is None else stream.response
        if response is None or not response.text.strip():
            return False
        self.spent.add(response)
        self.chat.add([Message.user(text), Message.assistant(f"{response.text.rstrip()}\n\n{STOPPED}")])
        return True

    def undo(self) -> str | None:
        """Take back the last question and what followed it; gives the question, None where there is none."""
        if not any(message.role == "user" for message in self.chat.messages):
            return None
        return next((message.text for message in self.chat.undo() if message.role == "user"), "")

    def stored(self) -> list[Message]:
        """The conversation with its instructions at its head, as ``/save`` writes it."""
        system = self.chat.system
        return [*([] if system is None else [Message.system(system)]), *self.chat.messages]

    def restore(self, data: bytes) -> None:
        """Go on with a stored conversation. Raises ``UsageError`` for anything that is none."""
        chat = self.begun(None)
        chat.load(data)
        self.chat = chat
