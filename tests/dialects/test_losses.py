"""What could not be said: in order, once each, in one list that grows."""

from __future__ import annotations

from trunkline.dialects.losses import Losses
from trunkline.values.response import Warning


def test_each_loss_is_told_once_in_the_order_in_which_it_arose() -> None:
    losses = Losses()
    told = losses.warnings
    losses.renamed("tools", "too long")
    losses.dropped("seed", "unknown here")
    losses.renamed("tools", "too long")
    losses.approximated("seed", "unknown here")
    losses.dropped("seed", "another reason")
    assert told == [
        Warning("renamed", "tools", "too long"),
        Warning("dropped", "seed", "unknown here"),
        Warning("approximated", "seed", "unknown here"),
        Warning("dropped", "seed", "another reason"),
    ]


def test_nobody_loses_what_another_lost() -> None:
    one, other = Losses(), Losses()
    one.dropped("seed", "unknown here")
    assert not other.warnings
