"""What a conversation would lose if another model went on with it. Nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..engine.attempt import encode
from ..engine.call import Call
from ..engine.destination import Destination, Own, Sought, Wire
from ..engine.media import holds_media
from ..policy.token_estimates import estimate
from ..policy.tokens import parts_of
from ..providers.token_families import family_of
from ..values.errors import ProviderError, UsageError
from ..values.message import Audio, File, Image, Part, Video
from ..values.model import Ability
from ..values.request import Request
from ..values.response import Warning

_NEEDS: dict[type[Part], Ability] = {Image: "vision", Audio: "audio", Video: "video", File: "pdf"}


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a conversation can go on with the model ``to``; false where it would be ``refused``, and that is why.

    ``losses``: what would be dropped or approximated on the way there. The conversation itself keeps it: whoever comes back
    finds it again.
    """

    to: str
    losses: tuple[Warning, ...] = ()
    refused: str | None = None

    def __bool__(self) -> bool:
        return self.refused is None

    def __str__(self) -> str:
        lines = [f"{self.to}: refused ({self.refused})" if self.refused is not None else self.to]
        return "\n".join([*lines, *map(str, self.losses)])


def move(call: Call, name: str) -> Move:
    """By encoding ``call`` for its first target."""
    to = _target(call)
    if isinstance(to, Own):
        return Move(to=name)
    request, losses = call.request, list(_unable(call.request, to))
    refused = None
    try:
        losses += encode(_with_media(msgspec.structs.replace(call, strict=False), to), to).warnings
    except (UsageError, ProviderError) as error:
        refused = str(error)
    room = None if to.record is None else to.record.context
    if room is not None:
        told = estimate(request, family_of(to.provider, to.model))
        words = f"about {told.tokens} tokens ({told.low} to {told.high}), and the model has room for {room}"
        if told.low > room:
            refused = refused or words
        elif told.high > room:
            losses.append(Warning("dropped", "messages", f"they may be too long: {words}"))
    return Move(to=name, losses=tuple(dict.fromkeys(losses)), refused=refused)


def _target(call: Call) -> Destination:
    first = call.plan[0]
    to = first.leading() if isinstance(first, Sought) else first
    if to is None:
        raise UsageError("whom it leads to shows only when it is asked", field="to", got=str(first), allowed="'provider/model'")
    return to


def _with_media(call: Call, to: Wire) -> Call:
    if call.plain or not holds_media(call.request):
        return call
    from ..engine.media_step import foreseen  # few conversations hold any

    return foreseen(call, to.target)


def _unable(request: Request, to: Wire) -> Iterator[Warning]:
    """What the model does not take, by the catalog."""
    if to.record is None or (abilities := to.record.abilities) is None:
        return
    if request.tools and "tools" not in abilities:
        yield Warning("dropped", "tools", "the model calls none")
    held = {type(part) for message in request.messages for part in parts_of(message.parts)}
    for kind, ability in _NEEDS.items():
        if kind in held and ability not in abilities:
            yield Warning("dropped", "messages", f"the model takes no {kind.__name__.lower()}")
