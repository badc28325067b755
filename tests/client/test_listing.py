"""Lists of models that are none: the error says so, and holds nothing of what the provider quoted."""

from __future__ import annotations

import traceback

import pytest

from tests.replies import failed
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import MalformedResponseError, ProviderError

KEY = "sk-listing-0123456789abcdef"


def asked(reply: Scripted, **options: str) -> ProviderError:
    llm = Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": KEY, **options}), io=ScriptedIO([reply]))
    with pytest.raises(ProviderError) as caught:
        llm.models(live=True)
    return caught.value


@pytest.mark.parametrize("body", [KEY, f'["{KEY}"', f'{{"{KEY}": 1}}'])
def test_what_is_no_list_is_told_without_a_word_of_it(body: str) -> None:
    error = asked(Scripted(200, {"x-request-id": f"r-{KEY}"}, [body.encode()]))
    assert type(error) is MalformedResponseError
    assert (error.provider, error.request_id) == ("openai", "r-***")
    assert error.__context__ is None and error.__cause__ is None
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "\n".join(f"{frame.locals}" for frame in told.stack if frame.filename != __file__)
    assert KEY not in shown + repr(error) + str(error) + str(vars(error))


def test_quiet_errors_are_quiet_here_too() -> None:
    assert asked(failed(400, "words of the provider's")).provider_message == "words of the provider's"
    assert asked(failed(400, "words of the provider's"), TRUNKLINE_ERRORS="quiet").provider_message is None
