"""A provider that is a program on this machine."""

from __future__ import annotations

from ..dialects.dialect import ClientHalf, WireRequest
from ..ports import IO, Deadlines, Exchange, ProcessRequest
from ..values.model import Model, Target
from ..values.secret import Secret
from .destination import Note, Wire


class Program(Wire):
    """``name`` is what is started: a path, or a name that the child's PATH leads to. ``env`` is the child's whole environment, to
    which a request may add; ``secret`` the key that stands in it, if one does."""

    __slots__ = ("_env",)

    def __init__(
        self,
        dialect: ClientHalf,
        target: Target,
        name: str,
        env: tuple[tuple[str, str], ...],
        *,
        secret: Secret | None = None,
        record: Model | None = None,
    ) -> None:
        super().__init__(
            dialect, target, name, _InItsEnvironment(), secret, record=record, room=None if record is None else record.context
        )
        self._env = env

    async def exchange(self, io: IO, wire: WireRequest, limits: Deadlines, note: Note | None = None) -> Exchange:
        """The program's run. It works in an empty folder of its own."""
        env = dict(self._env) | dict(wire.env)
        return io.spawn(ProcessRequest((self.base_url, *wire.argv), wire.body, tuple(env.items())), limits)


class _InItsEnvironment:
    """No header and no query shows the key."""

    def apply(self, secret: Secret | None) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
        return (), ()
