"""Which words with a stop are cut short, in the languages that models mostly speak, so that no sentence ends there."""

# ruff: noqa: RUF001, SIM905 (words of several scripts, as prose)

from __future__ import annotations

import re

# Before more: no sentence ends with these. Small ones are known with a capital too.
_BEFORE = frozenset(
    "mr mrs ms mx dr dra prof rev hon sen rep gov capt lt cmdr sgt gen col maj adm pres supt st mt messrs vs viz cf e.g i.e"
    " approx resp incl excl esp ca z.b d.h i.d.r u.a v.a bzw vgl ggf evtl sog zzgl inkl exkl mio mrd dipl ing hrsg geb gest"
    " Hr Fr Hl Ft Ed MM mme mlle env éd sra srta srs sres dña ud uds EE avda av p.ej ej p.ex sig sigg dott avv geom"
    " spett exmo ilmo bijv dhr mevr drs d.w.z o.a t.ex bl.a d.v.s f.eks esim np tzn tzw ul św im m.in např tzv sn örn"
    " проф ул им акад гр напр т.е".split()
)
# Before a figure only: "No. 5", but "No."
_NUMBERED = frozenset(
    "no nos nr nro nº n° num núm fig figs eq sec sect ch chap vol art arts cap tab tbl abb abs bd kap ziff tel ext pp"
    " pág pag págs blz obr č str jan feb mar apr jun jul aug sep sept oct okt nov dec dez ene abr ago dic"
    " стр рис гл ст табл §".split()
)
# Where a sentence may also end: the next word tells.
_EITHER = frozenset("inc ltd co corp bros jr sr ph.d UU al chr ex г".split())
_STARTERS = frozenset(
    "the a an he she it we they you i this that these those there here his her its our their my your in on at but and or so if as"
    " when while after before then now however what who why how yes no not for to by from with some many most all one"
    " der die das ein eine er sie es wir ich ihr aber und dann wenn im in am auf mit für nach"
    " le la les un une il elle ils nous je vous on ce cette mais et dans el los las ella yo pero en y si lo gli"
    " он она оно мы они я вы это в на но и а".split()
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_MARK = re.compile(r"\d{1,3}|[^\W\d_]|[IVX]{2,4}|[ivx]{2,4}")  # of a list
_SPLIT = re.compile(r"[\s(\[{\"“„«*_~`–—-]|['‘’](?=.)")
_LOWER_PAIRS = frozenset("zB zT zZ uU uÄ oÄ oB vC nC iA iV mE eV aD aM dR".split())
_SPACED = frozenset(("d. h", "u. a", "т. е"))  # the last letter of each
_LETTERED = re.compile(
    r"\b(?i:plan|option|vitamin|type|grade|class|hepatitis|section|part|group|team|answer|choice|figure|column|typ|gruppe)\s$"
)
_SAY_I = re.compile(r"[a-z,]\s$")
_ORDINAL = re.compile(
    r"(?:^|\W)(?:[Dd](?:er|ie|as|en|em|es)|[Ii]m|[Vv]om|[Zz](?:um|ur)|[Bb](?:eim|is)|"
    r"[Ee]in(?:e[mnrs]?)?|[Ss]ein(?:e[mnrs]?)?|(?<!\bI )[Aa]m)\s$"
)
_MONTHS = ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez")
_NEXT = re.compile(r"[^\w\n]*+(\w*+)")
_LONGEST = 24


def abbreviated(text: str, start: int, at: int, after: int, end: int) -> bool | None:
    """Whether the word before the stop at ``at`` is cut short and goes on with what stands at ``after``; None as long as what
    may follow ``end`` could change that. ``start`` is where the sentence begins."""
    head = text[max(start, at - _LONGEST) : at]
    word = _SPLIT.split(head)[-1]
    before = head[: len(head) - len(word)]
    following = text[after : after + 1]
    if not word or len(word) == _LONGEST:
        return False
    if _MARK.fullmatch(word):
        line = max(text.rfind("\n", start, at) + 1, start)
        if not text[line : at - len(word)].strip(" \t>*_#-("):
            return True
    if word.isdecimal():
        return _number(word, before, text, after, end)
    if len(word) == 1 and (known := _letter(word, before, following)) is not None:
        return known
    small = word if word.isupper() else word.lower()  # CA, MS
    if word in _BEFORE or small in _BEFORE:
        return True
    if small in _NUMBERED:
        return following.isdigit()
    if small not in _EITHER and before[-3:] + word not in _SPACED and not _DOTTED.fullmatch(word):
        return False
    found = _NEXT.match(text, after, end)
    if found is None or found.end() == end:
        return None
    if following == "\n" or found[1].lower() in _STARTERS:
        return False
    return word.lower() not in ("a.m", "p.m") or text.count(" ", start, at) < 5


def _number(word: str, before: str, text: str, after: int, end: int) -> bool | None:
    """Ordinals and dates as German writes them, and "5. 3. 2024"."""
    if len(word) > 2:
        return False
    month = text[after : min(after + 3, end)]
    if month[:1].isdigit() or _ORDINAL.search(before) or (len(word) == 1 and before.endswith(": ")):
        return True
    if len(month) < 3 and after + len(month) == end and any(name.startswith(month) for name in _MONTHS):
        return None
    return month in _MONTHS


def _letter(letter: str, before: str, following: str) -> bool | None:
    """An initial, mostly; None where the word lists tell."""
    if letter.isupper():
        return not (_SAY_I.search(before) if letter == "I" else _LETTERED.search(before))
    if letter + following in _LOWER_PAIRS or "\u0590" <= letter <= "\u06ff":
        return True
    return None
