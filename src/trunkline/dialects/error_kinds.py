"""Which of our errors a provider's words, a status or a text mean: the tables of ``errors-and-limits`` §1 and §2."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..values.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from ..values.late_pattern import LatePattern

Kind = type[ProviderError]
TEXT_READ = 2_000
"""How many characters of a message are looked at."""


def normal(word: str) -> str:
    """A stable word without its dress: ``RateLimit_Reached`` and ``rate-limit-reached`` are one."""
    return re.sub(r"[^a-z0-9]", "", word.rpartition("#")[2].lower())


def _table(words: dict[Kind, str]) -> dict[str, Kind]:
    return {normal(word): kind for kind, listed in words.items() for word in listed.split()}


_WORDS = _table({
    QuotaError: """
        insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded project_spend_limit_exceeded
        organization_usage_limit_exceeded billing_error billing_hard_limit_reached enforced_spend_limit_reached payment_required
        exceeded_current_quota_error exceeded_current_quota insufficient_credits insufficient_balance insufficient_user_quota
        quota_exceeded ServiceQuotaExceededException billing_not_active credits_exhausted arrearage account_overdue base_resp_1008
        usage_limit_reached usage_not_included
    """,
    ContextLengthError: """
        context_length_exceeded exceed_context_size_error too_many_prompt_tokens max_tokens_exceeded token_limit_exceeded
        string_too_long string_above_max_length too_many_tokens context_window_exceeded model_context_window_exceeded
        context_too_long prompt_too_long
    """,
    ContentFilterError: """
        content_policy_violation content_filter moderation_blocked invalid_prompt cyber_policy cyber_policy_violation
        ResponsibleAIPolicyViolation refusal content_filtered content_policy data_inspection_failed image_content_policy_violation
    """,
    AuthenticationError: """
        invalid_api_key wrong_api_key incorrect_api_key invalid_authentication authentication_error authentication
        authentication_failed unauthenticated API_KEY_INVALID missing_api_key invalid_auth unauthorized no_api_key
        UnrecognizedClientException ExpiredTokenException InvalidSignatureException token_expired base_resp_1004
    """,
    PermissionDeniedError: """
        permission_error permission_denied AccessDeniedException access_denied access_terminated forbidden
        unsupported_country_region_territory region_restricted privacy_restricted insufficient_permissions missing_scope
        model_terms_required organization_restricted account_deactivated
    """,
    NotFoundError: """
        model_not_found not_found_error not_found resource_not_found ResourceNotFoundException DeploymentNotFound NotFoundError
        no_endpoints model_deprecated model_not_available unknown_model model_decommissioned model_not_exist free_variant_ended
        wrong_endpoint unknown_url
    """,
    OverloadedError: """
        server_is_overloaded slow_down service_unavailable_error overloaded_error engine_overloaded_error overloaded unavailable
        ServiceUnavailableException ModelNotReadyException capacity_exhausted temporarily_unavailable provider_unavailable
        provider_overloaded no_capacity capacity_exceeded model_overloaded service_unavailable resource_unavailable model_loading
        insufficient_system_resource
    """,
    ServerError: "model_error",
    RateLimitError: """
        rate_limit_exceeded rate_limit_error rate_limit_reached rate_limit_reached_error rate_limited rate_limit requests tokens
        ThrottlingException throttling too_many_requests TooManyRequestsException limit_requests limit_burst_rate
        resource_exhausted base_resp_1002 base_resp_1039
    """,
})  # fmt: skip
# Words that say no more than the status does: they decide where there is no status, and never hide what the text tells.
_GENERIC = _table({
    InvalidRequestError: """
        invalid_request_error invalid_request invalid_argument bad_request BadRequestError ValidationException validation_error
        failed_precondition unprocessable_entity invalid_request_body
    """,
    ServerError: """
        api_error server_error server internal_error internal_server_error internal InternalServerException ModelErrorException
        timeout_error timeout deadline_exceeded ModelTimeoutException request_timeout unknown error
    """,
})  # fmt: skip
_STATUS: dict[int, Kind] = {
    401: AuthenticationError, 402: QuotaError, 403: PermissionDeniedError, 404: NotFoundError, 408: ServerError, 409: ServerError,
    410: NotFoundError, 424: ServerError, 425: OverloadedError, 429: RateLimitError, 451: PermissionDeniedError,
    498: OverloadedError, 499: ServerError, 503: OverloadedError, 529: OverloadedError,
}  # fmt: skip
_TEXTS: dict[Kind, tuple[frozenset[int], str]] = {
    ContextLengthError: (
        frozenset({400, 413, 422, 500}),
        (
            r"context (?:length|window|size|limit)|(?:prompt|input|messages) (?:is |are )?too (?:long|large)|too many tokens"
            r"|input token count|input tokens exceed|tokens exceeds? (?:the )?(?:maximum|limit)|total length of all messages"
            r"|too large for model with|maximum (?:prompt|input) length|prompt length|longer than the (?:model|maximum)"
        ),
    ),
    QuotaError: (
        frozenset({400, 403, 412, 429}),
        (
            r"credit balance|insufficient (?:credits?|balance|quota|funds)|spend(?:ing)? limit|exceeded your current quota"
            r"|tokens per day|payment required|account (?:is |has been )?suspended|limit: 0\b"
        ),
    ),
    AuthenticationError: (
        frozenset({400, 403, 498}),
        (
            r"(?:incorrect|invalid|wrong|missing|expired) (?:x-)?api[- _](?:key|token)"
            r"|api[- _]key (?:not valid|is invalid|expired)"
            r"|security token included in the request is (?:invalid|expired)"
        ),
    ),
    ContentFilterError: (
        frozenset({400, 403}),
        r"content (?:filtering|management|moderation) policy|usage policy|flagged",
    ),
    PermissionDeniedError: (frozenset({401}), r"missing scopes?|insufficient permissions"),
    NotFoundError: (frozenset({400}), r"model identifier is invalid|model .{1,100} (?:does not exist|not found)"),
}
_PATTERNS = tuple((kind, statuses, LatePattern(pattern)) for kind, (statuses, pattern) in _TEXTS.items())
_SAYS: dict[Kind, str] = {
    AuthenticationError: "the key was refused",
    PermissionDeniedError: "the key may not do this",
    NotFoundError: "no such model or path",
    InvalidRequestError: "the provider refused the request",
    ContextLengthError: "the prompt does not fit the model",
    ContentFilterError: "refused by the provider's content policy",
    RateLimitError: "too many requests",
    QuotaError: "money or quota is gone",
    OverloadedError: "the provider has no capacity just now",
    ServerError: "the provider failed",
}


def kind_of_words(words: Sequence[str]) -> Kind | None:
    """What the first telling word means; None where none tells anything."""
    return next((_WORDS[word] for word in words if word in _WORDS), None)


def generic_kind(words: Sequence[str]) -> Kind:
    """What the words mean where neither a telling one nor a status is at hand."""
    return next((_GENERIC[word] for word in words if word in _GENERIC), ServerError)


def says_nothing(code: str) -> bool:
    """Whether a code leaves it open what went wrong: a bare number, a sentence, or a word as broad as "invalid request"."""
    return code.isdigit() or " " in code.strip() or normal(code) in _GENERIC


def kind_of_text(message: str, status: int | None) -> Kind | None:
    """What the words for people mean, for the few things that some providers say in no other way."""
    text = message[:TEXT_READ].lower()
    for kind, statuses, pattern in _PATTERNS:
        if (status is None or status in statuses) and pattern().search(text):
            return kind
    return None


def kind_of_status(status: int) -> Kind:
    """What an HTTP status alone means. The provider's own timeouts and lock conflicts (408, 409, 499, 504) are its failures."""
    return _STATUS.get(status) or (ServerError if status >= 500 else InvalidRequestError)


def in_our_words(kind: Kind) -> str:
    """What such an error says first."""
    return _SAYS.get(kind, "the provider failed")
