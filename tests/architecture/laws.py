"""The laws of the design that a syntax tree can be held to. Each gives what breaks it in one module, as ``line: what``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import PACKAGE, Module, own

PURE = {"values", "wire", "dialects", "policy", "engine"}
IMPURE = {
    *("asyncio", "anyio", "trio", "sniffio", "threading", "concurrent", "multiprocessing", "select", "selectors", "signal"),
    *("os", "pathlib", "shutil", "socket", "ssl", "subprocess", "tempfile", "random", "secrets", "time", "uuid"),
}
HTTP = ("aiohttp", "http.client", "http.server", "http.cookiejar", "httpx", "requests", "urllib.request", "urllib3")
NETWORK = ("socket", "ssl", "select", "selectors", "asyncio.streams")
MAY_ITERATE = {"io/aio.py", "serve/asgi.py"}
CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "handler", "handlers", "misc"}
MAX_LINES = 400
MAX_FUNCTION = 60
LOCKS = re.compile(r"lock|mutex|condition", re.IGNORECASE)


def is_pure(module: Module) -> Iterator[str]:
    """Values, wire, dialects, policies and engine know no clock, chance, system, thread or event loop (threading.Lock aside)."""
    if module.layer not in PURE:
        return
    for node, name in module.imports():
        if name.split(".")[0] in IMPURE and name != "threading.Lock" and not module.for_checkers_only(node):
            yield f"{node.lineno}: imports {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and re.fullmatch(
            r"(?:datetime\.)?(?:datetime|date)\.(?:now|utcnow|today)", ast.unparse(node)
        ):
            yield f"{node.lineno}: asks {ast.unparse(node)}"


def only_io_knows_the_network(module: Module) -> Iterator[str]:
    """HTTP libraries and sockets appear in io only; a type may be named elsewhere."""
    if module.layer in {"io", "serve", "sim", "mcp"}:
        return
    for node, name in module.imports():
        if any(f"{name}.".startswith(f"{library}.") for library in (*HTTP, *NETWORK)) and not module.for_checkers_only(node):
            yield f"{node.lineno}: imports {name}"


def environment_is_read_in_settings(module: Module) -> Iterator[str]:
    """``os.environ`` is read in client/settings.py only."""
    if module.path == "client/settings.py":
        return
    forbidden = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv", "expandvars"}
    for node, name in module.imports():
        if name.startswith("os.") and name.rsplit(".", 1)[-1] in forbidden:
            yield f"{node.lineno}: imports {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in forbidden and ast.unparse(node.value) in {"os", "os.path"}:
            yield f"{node.lineno}: reads {ast.unparse(node)}"


def streams_are_classes(module: Module) -> Iterator[str]:
    """No async generators, and no ``async for`` outside io/aio.py, the ASGI edge and classes with ``__anext__``."""
    if module.path in MAY_ITERATE:
        return
    for function in module.functions():
        if isinstance(function, ast.AsyncFunctionDef) and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own(function)):
            yield f"{function.lineno}: {function.name} is an async generator"
    for node in ast.walk(module.tree):
        asynchronous = isinstance(node, ast.AsyncFor) or (isinstance(node, ast.comprehension) and node.is_async)
        if asynchronous and not any(_is_async_iterator(outer) for outer in module.within(node)):
            yield f"{getattr(node, 'lineno', node.target.lineno)}: async for"


def _is_async_iterator(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(getattr(child, "name", None) == "__anext__" for child in node.body)


def engine_knows_no_tasks(module: Module) -> Iterator[str]:
    """No cancel scopes, tasks or event-loop locks in the engine, wherever they come from."""
    if module.layer not in PURE:
        return
    forbidden = {"timeout", "timeout_at", "wait_for", "create_task", "ensure_future", "gather", "TaskGroup", "CancelScope"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in forbidden:
                yield f"{node.lineno}: calls {ast.unparse(node.func)}"


def nothing_is_awaited_under_a_lock(module: Module) -> Iterator[str]:
    """No ``await`` while a ``threading.Lock`` is held."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.With) and any(LOCKS.search(ast.unparse(item.context_expr)) for item in node.items):
            awaits = (inner for statement in node.body for inner in (statement, *own(statement)))
            yield from (f"{inner.lineno}: await under a lock" for inner in awaits if isinstance(inner, _SUSPENDS))


_SUSPENDS = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def clean_up_awaits_close_only(module: Module) -> Iterator[str]:
    """What ends a call may be a cancellation: the engine's ``finally`` awaits nothing but a close, which the port shields."""
    if module.layer != "engine":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Try):
            for awaited in (inner for statement in node.finalbody for inner in ast.walk(statement)):
                if isinstance(awaited, ast.Await) and not re.search(r"\.close\(\)$", ast.unparse(awaited)):
                    yield f"{awaited.lineno}: {ast.unparse(awaited)} in finally"


def context_is_never_set(module: Module) -> Iterator[str]:
    """Context variables are read: one that is set would stay set in the caller's context."""
    variables = {
        ast.unparse(target)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and ast.unparse(node.value).startswith("ContextVar(")
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    } | {"correlation_id"}
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"set", "reset"}
            and ast.unparse(node.value).split(".")[-1] in variables
        ):
            yield f"{node.lineno}: {ast.unparse(node)}"


def mode_is_never_guessed(module: Module) -> Iterator[str]:
    """Whether a loop runs decides nothing: blocking or not is the port's own, and a server always has a loop."""
    if module.layer in {"io", "serve"}:
        return
    guesses = {
        "get_running_loop",
        "_get_running_loop",
        "get_event_loop",
        "current_async_library",
        "current_task",
        "iscoroutine_running",
    }
    for node in ast.walk(module.tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
        if name in guesses:
            yield f"{node.lineno}: {name}"


def names_come_from_the_domain(module: Module) -> Iterator[str]:
    """No module is called utils, helpers, common, base, manager or handler; the facades' modules are called what they stand for."""
    if module.layer == "compat":
        return
    if CATCH_ALL_NAMES & {part.strip("_").removesuffix(".py") for part in module.path.split("/")}:
        yield f"1: {module.path}"


def facades_use_public_names(module: Module) -> Iterator[str]:
    """A facade imports what ``trunkline`` offers to everybody, and itself; never another facade."""
    if module.layer != "compat":
        return
    mine = ("compat", Path(module.path).with_suffix("").parts[1])
    public = set(ast.literal_eval(_assigned("__all__")))
    for node, name in module.imports():
        first, *rest = name.split(".")
        if first != "trunkline" or tuple(rest[:2]) in {mine, ("compat", "backends")}:
            continue
        if rest and (len(rest) != 1 or rest[0] not in public):
            yield f"{node.lineno}: imports {name}"


def _assigned(name: str) -> str:
    """What the package's ``__init__`` assigns to ``name``, as text."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    found = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    return ast.unparse(found[0])


def files_and_functions_are_short(module: Module) -> Iterator[str]:
    """A file has at most 400 lines, a function 60."""
    lines = module.text.count("\n")
    if lines > MAX_LINES:
        yield f"1: {lines} lines"
    for function in module.functions():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MAX_FUNCTION:
            yield f"{function.lineno}: {function.name} has {length} lines"


def only_commands_print(module: Module) -> Iterator[str]:
    """Nothing is printed outside cli."""
    if module.layer == "cli":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "pprint", "sys.stdout.write", "sys.stderr.write"}:
            yield f"{node.lineno}: {ast.unparse(node.func)}"


def nothing_is_a_stub(module: Module) -> Iterator[str]:
    """What is not there yet is absent: nothing raises NotImplementedError."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
            yield f"{node.lineno}: {ast.unparse(node)}"


def dialects_are_strangers(module: Module) -> Iterator[str]:
    """A dialect does not import another; claude_cli carries the events of anthropic_messages."""
    mine = module.path.split("/")[1] if module.path.startswith("dialects/") and module.path.count("/") > 1 else None
    if mine is None:
        return
    allowed = {mine, "operations"} | ({"anthropic_messages"} if mine == "claude_cli" else set())
    for node, name in module.imports():
        other = name.removeprefix("trunkline.dialects.").split(".")[0] if name.startswith("trunkline.dialects.") else mine
        if other not in allowed and not (PACKAGE / "dialects" / f"{other}.py").exists():
            yield f"{node.lineno}: imports {name}"
