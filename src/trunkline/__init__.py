"""Trunkline: one line to every language model.

``Client`` and ``AsyncClient`` talk to any provider; values, events and errors are the same for all of them. Importing this
package loads nothing but itself: each public name is loaded when it is first used.
"""

__version__ = "0.1.0"

# Neither typing nor importlib is imported: they cost three times what all the rest of this import does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client.aio import AsyncClient as AsyncClient
    from .client.blocking import Client as Client
    from .client.conversation import (
        AsyncConversation as AsyncConversation,
        Conversation as Conversation,
    )
    from .client.conversations import (
        Conversations as Conversations,
        SavedConversation as SavedConversation,
    )
    from .client.health import (
        Health as Health,
        ProviderHealth as ProviderHealth,
    )
    from .client.moving import Move as Move
    from .client.options import (
        BackupOptions as BackupOptions,
        CallOptions as CallOptions,
        ClientOptions as ClientOptions,
        RunOptions as RunOptions,
        Timeout as Timeout,
    )
    from .client.routes import Route as Route
    from .client.settings import Settings as Settings
    from .client.status import (
        LimitStatus as LimitStatus,
        Status as Status,
        TargetStatus as TargetStatus,
    )
    from .client.streams import (
        AsyncStream as AsyncStream,
        Stream as Stream,
    )
    from .engine.call import (
        Hooks as Hooks,
        Limits as Limits,
    )
    from .mcp.server import McpServer as McpServer
    from .policy.breaker import (
        Breaker as Breaker,
        BreakerPolicy as BreakerPolicy,
        Leave as Leave,
    )
    from .policy.context import ContextWindow as ContextWindow
    from .policy.hedge import Hedge as Hedge
    from .policy.rate_limit import (
        RateLimit as RateLimit,
        RateWindow as RateWindow,
        Reservation as Reservation,
    )
    from .policy.retry import RetryPolicy as RetryPolicy
    from .policy.slots import Concurrency as Concurrency
    from .policy.tokens import estimate_tokens as estimate_tokens
    from .policy.turns import TurnMemory as TurnMemory
    from .ports import (
        Backend as Backend,
        Observer as Observer,
        Record as Record,
        Settled as Settled,
        Store as Store,
        StreamingBackend as StreamingBackend,
        ToolSource as ToolSource,
        correlation_id as correlation_id,
    )
    from .stores.memory import MemoryStore as MemoryStore
    from .stores.sqlite import SQLiteStore as SQLiteStore
    from .values.errors import (
        AllTargetsFailedError as AllTargetsFailedError,
        AuthenticationError as AuthenticationError,
        BudgetExceededError as BudgetExceededError,
        CircuitOpenError as CircuitOpenError,
        ConcurrencyLimitError as ConcurrencyLimitError,
        ConnectionRefusedByHostError as ConnectionRefusedByHostError,
        ConnectionResetByHostError as ConnectionResetByHostError,
        ContentFilterError as ContentFilterError,
        ContextLengthError as ContextLengthError,
        DeadlineError as DeadlineError,
        GarbledReplyError as GarbledReplyError,
        InvalidRequestError as InvalidRequestError,
        MalformedResponseError as MalformedResponseError,
        NameResolutionError as NameResolutionError,
        NoProviderError as NoProviderError,
        NotFoundError as NotFoundError,
        OverloadedError as OverloadedError,
        PermissionDeniedError as PermissionDeniedError,
        ProviderError as ProviderError,
        QuotaError as QuotaError,
        RateLimitError as RateLimitError,
        ServerError as ServerError,
        StepLimitError as StepLimitError,
        StoreError as StoreError,
        StreamInterruptedError as StreamInterruptedError,
        TlsError as TlsError,
        ToolSourceError as ToolSourceError,
        TransportError as TransportError,
        TruncatedBodyError as TruncatedBodyError,
        TrunklineError as TrunklineError,
        UnsupportedOperationError as UnsupportedOperationError,
        UsageError as UsageError,
    )
    from .values.events import (
        AudioDelta as AudioDelta,
        CitationDelta as CitationDelta,
        Event as Event,
        Finish as Finish,
        Moved as Moved,
        OpaqueEvent as OpaqueEvent,
        PartDone as PartDone,
        ReasoningDelta as ReasoningDelta,
        RefusalDelta as RefusalDelta,
        Start as Start,
        StepEnded as StepEnded,
        TextDelta as TextDelta,
        ToolCallDelta as ToolCallDelta,
        ToolEnded as ToolEnded,
        ToolStarted as ToolStarted,
        UsageUpdate as UsageUpdate,
        Warned as Warned,
    )
    from .values.fold import (
        Fold as Fold,
        fold as fold,
        unfold as unfold,
    )
    from .values.headers import Headers as Headers
    from .values.json_form import (
        from_json as from_json,
        to_json as to_json,
    )
    from .values.media import (
        Data as Data,
        FileId as FileId,
        LocalFile as LocalFile,
        Url as Url,
    )
    from .values.message import (
        Audio as Audio,
        CacheMark as CacheMark,
        Citation as Citation,
        File as File,
        HostedToolCall as HostedToolCall,
        HostedToolResult as HostedToolResult,
        Image as Image,
        Message as Message,
        Opaque as Opaque,
        Part as Part,
        ProviderState as ProviderState,
        Reasoning as Reasoning,
        Refusal as Refusal,
        Role as Role,
        Scope as Scope,
        Text as Text,
        ToolCall as ToolCall,
        ToolResult as ToolResult,
        Video as Video,
    )
    from .values.model import (
        MediaLimits as MediaLimits,
        Model as Model,
        Price as Price,
        PriceTier as PriceTier,
        PriceVariant as PriceVariant,
        Quirks as Quirks,
        Target as Target,
    )
    from .values.request import (
        AudioOutput as AudioOutput,
        CustomTool as CustomTool,
        HostedTool as HostedTool,
        OutputFormat as OutputFormat,
        ReasoningOptions as ReasoningOptions,
        Request as Request,
        Tool as Tool,
        ToolChoice as ToolChoice,
    )
    from .values.response import (
        Alternative as Alternative,
        Attempt as Attempt,
        FinishReason as FinishReason,
        Response as Response,
        Step as Step,
        Timings as Timings,
        TokenLogprob as TokenLogprob,
        Usage as Usage,
        Warning as Warning,
    )
    from .values.secret import (
        Origin as Origin,
        Secret as Secret,
    )
    from .values.sentences import Sentences as Sentences
    from .values.token_estimate import TokenEstimate as TokenEstimate
    from .values.transcript import Transcript as Transcript
    from .wire.http import HttpReply as HttpReply

_WHERE = {
    "client.blocking": ("Client",),
    "client.aio": ("AsyncClient",),
    "client.conversation": ("Conversation", "AsyncConversation"),
    "client.conversations": ("Conversations", "SavedConversation"),
    "client.moving": ("Move",),
    "client.streams": ("Stream", "AsyncStream"),
    "client.options": ("BackupOptions", "CallOptions", "ClientOptions", "RunOptions", "Timeout"),
    "client.health": ("Health", "ProviderHealth"),
    "client.routes": ("Route",),
    "client.settings": ("Settings",),
    "client.status": ("LimitStatus", "Status", "TargetStatus"),
    "engine.call": ("Hooks", "Limits"),
    "mcp.server": ("McpServer",),
    "policy.breaker": ("Breaker", "BreakerPolicy", "Leave"),
    "policy.context": ("ContextWindow",),
    "policy.hedge": ("Hedge",),
    "policy.rate_limit": ("RateLimit", "RateWindow", "Reservation"),
    "policy.retry": ("RetryPolicy",),
    "policy.slots": ("Concurrency",),
    "policy.tokens": ("estimate_tokens",),
    "policy.turns": ("TurnMemory",),
    "ports": ("Backend", "Observer", "Record", "Settled", "Store", "StreamingBackend", "ToolSource", "correlation_id"),
    "stores.memory": ("MemoryStore",),
    "stores.sqlite": ("SQLiteStore",),
    "values.errors": (
        "TrunklineError", "UsageError", "NoProviderError", "BudgetExceededError", "UnsupportedOperationError", "ProviderError",
        "AuthenticationError", "PermissionDeniedError", "NotFoundError", "InvalidRequestError", "ContextLengthError",
        "ContentFilterError", "RateLimitError", "QuotaError", "OverloadedError", "ServerError", "TransportError", "DeadlineError",
        "ConnectionRefusedByHostError", "ConnectionResetByHostError", "GarbledReplyError", "NameResolutionError", "TlsError",
        "TruncatedBodyError",
        "MalformedResponseError", "StreamInterruptedError", "CircuitOpenError", "ConcurrencyLimitError", "AllTargetsFailedError",
        "StepLimitError", "StoreError", "ToolSourceError",
    ),
    "values.events": (
        "Event", "Start", "TextDelta", "ReasoningDelta", "RefusalDelta", "ToolCallDelta", "CitationDelta", "AudioDelta",
        "PartDone", "OpaqueEvent", "UsageUpdate", "Warned", "Moved", "Finish", "ToolStarted", "ToolEnded", "StepEnded",
    ),
    "values.fold": ("Fold", "fold", "unfold"),
    "values.headers": ("Headers",),
    "values.json_form": ("from_json", "to_json"),
    "values.media": ("Data", "FileId", "LocalFile", "Url"),
    "values.message": (
        "Audio", "CacheMark", "Citation", "File", "HostedToolCall", "HostedToolResult", "Image", "Message", "Opaque", "Part",
        "ProviderState", "Reasoning", "Refusal", "Role", "Scope", "Text", "ToolCall", "ToolResult", "Video",
    ),
    "values.model": ("MediaLimits", "Model", "Price", "PriceTier", "PriceVariant", "Quirks", "Target"),
    "values.request": (
        "AudioOutput", "CustomTool", "HostedTool", "OutputFormat", "ReasoningOptions", "Request", "Tool", "ToolChoice",
    ),
    "values.response": (
        "Alternative", "Attempt", "FinishReason", "Response", "Step", "Timings", "TokenLogprob", "Usage", "Warning",
    ),
    "values.secret": ("Origin", "Secret"),
    "values.sentences": ("Sentences",),
    "values.token_estimate": ("TokenEstimate",),
    "values.transcript": ("Transcript",),
    "wire.http": ("HttpReply",),
}  # fmt: skip
_MODULE = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "AllTargetsFailedError", "Alternative", "AsyncClient", "AsyncConversation", "AsyncStream", "Attempt", "Audio", "AudioDelta",
    "AudioOutput", "AuthenticationError", "Backend", "BackupOptions", "Breaker", "BreakerPolicy", "BudgetExceededError",
    "CacheMark", "CallOptions", "CircuitOpenError", "Citation", "CitationDelta", "Client", "ClientOptions", "Concurrency",
    "ConcurrencyLimitError", "ConnectionRefusedByHostError", "ConnectionResetByHostError", "ContentFilterError",
    "ContextLengthError", "ContextWindow", "Conversation", "Conversations", "CustomTool", "Data", "DeadlineError", "Event",
    "File", "FileId", "Finish", "FinishReason", "Fold", "GarbledReplyError", "Headers", "Health", "Hedge", "Hooks",
    "HostedTool", "HostedToolCall", "HostedToolResult", "HttpReply", "Image", "InvalidRequestError", "Leave", "LimitStatus",
    "Limits", "LocalFile", "MalformedResponseError", "McpServer", "MediaLimits", "MemoryStore", "Message", "Model", "Move",
    "Moved", "NameResolutionError", "NoProviderError", "NotFoundError", "Observer", "Opaque", "OpaqueEvent", "Origin",
    "OutputFormat", "OverloadedError", "Part", "PartDone", "PermissionDeniedError", "Price", "PriceTier", "PriceVariant",
    "ProviderError", "ProviderHealth", "ProviderState", "Quirks", "QuotaError", "RateLimit", "RateLimitError", "RateWindow",
    "Reasoning", "ReasoningDelta", "ReasoningOptions", "Record", "Refusal", "RefusalDelta", "Request", "Reservation",
    "Response", "RetryPolicy", "Role", "Route", "RunOptions", "SQLiteStore", "SavedConversation", "Scope", "Secret",
    "Sentences", "ServerError", "Settings", "Settled", "Start", "Status", "Step", "StepEnded", "StepLimitError", "Store",
    "StoreError", "Stream", "StreamInterruptedError", "StreamingBackend", "Target", "TargetStatus", "Text", "TextDelta",
    "Timeout", "Timings", "TlsError", "TokenEstimate", "TokenLogprob", "Tool", "ToolCall", "ToolCallDelta", "ToolChoice",
    "ToolEnded", "ToolResult", "ToolSource", "ToolSourceError", "ToolStarted", "Transcript", "TransportError",
    "TruncatedBodyError", "TrunklineError", "TurnMemory", "UnsupportedOperationError", "Url", "Usage", "UsageError",
    "UsageUpdate", "Video", "Warned", "Warning", "__version__", "correlation_id", "estimate_tokens", "fold", "from_json",
    "to_json", "unfold",
]  # fmt: skip


def __getattr__(name: str) -> "Any":
    module = _MODULE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(__import__(f"{__name__}.{module}", fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
