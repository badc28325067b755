"""What the libraries that hold platforms' credentials have in common: they are extras, and they raise errors of their own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeVar

from ..values.errors import AuthenticationError, TransportError, TrunklineError, UsageError
from ..values.secret import mask_keys

T = TypeVar("T")


def require(package: str, extra: str) -> None:
    """Raises ``UsageError`` that says what to install where ``package`` is not there; imports nothing but its parents."""
    try:
        found = find_spec(package)
    except ModuleNotFoundError:  # its parent is not there either
        found = None
    if found is None:
        raise UsageError(
            f"its credentials need {package}: pip install 'trunkline[{extra}]', or hand a key over",
            field="api_key",
            got="None",
            allowed="api_key=…",
        )


def asked(source: str, function: Callable[[], T], unreachable: tuple[type[Exception], ...] = ()) -> T:
    """What ``function`` of a vendor's library gives. Whatever it raises is an ``AuthenticationError`` (``unreachable``: a
    ``TransportError``), with the vendor's words masked."""
    try:
        return function()
    except TrunklineError:
        raise
    except unreachable as error:
        raise TransportError(f"{source} could not be reached ({type(error).__name__})") from None
    except Exception as error:  # noqa: BLE001 - each library has a tree of errors, and not all of it is documented
        said = mask_keys(str(error)) or None
        name = type(error).__name__
    raise AuthenticationError(f"{source} gave no credentials ({name})", provider_message=said, hint=_HINT)


_HINT = "Log in with the platform's own program, set its variables, or hand a key over as api_key"
