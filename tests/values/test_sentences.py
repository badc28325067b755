"""Sentences as they become sure, in several languages, with Markdown and without."""

# ruff: noqa: RUF001 (in several scripts)

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trunkline import Sentences
from trunkline.values.sentences import LONGEST

# A bar stands where a sentence ends: "One. |Two." The text is the same without it.
CASES = """
Hello there. |How are you? |Fine!
Dr. Smith met Mr. Jones. |They talked.
Prof. Dr. Ing. Meier kam. |Er ging.
J. K. Rowling wrote it. |George W. Bush read it.
I think so too, and so do I. |Then we left.
Take vitamin C. |It helps.
Choose option B. |The others fail.
He lives in the U.S. |He likes it.
The U.S. Government said no. |Nobody listened.
We met at 5 p.m. EST. |Fine.
The whole meeting began at 5 p.m. |We left early.
At 5 a.m. Mr. Smith went to the bank. |He left.
He has a Ph.D. |He teaches.
Apple Inc. announced it. |Apple Inc. |They did.
See e.g. Python or i.e. Rust. |Both work.
It took approx. Five days, cf. Smith et al. |Then see Fig. 3 and No. 5. |Done.
Is it? |No. |I doubt it.
Pi is 3.14. |It is 3.14159 really. |Yes.
Es kostet 1.000,50 Euro. |Gut.
It costs $1,000.50. |Cheap.
Use version 2.0. |It needs Python 3.11.4. |Ok?
In 2019. |Then 2020.
Visit https://example.com/a.html?b=c. |Then write to a.b@c.example.org. |Thanks.
See example.com for more. |Bye.
Open main.py. |Then run ./a.out and config.yaml. |Fine.
Node.js and .NET are tools. |So is ASP.NET. |Right.
Well... maybe. |And then... |Nothing.
Well… maybe. |And then… |Nothing.
Wait . . . what? |Yes.
What?! |No!! |Really?!? |Hm.
“Stop.” |She left. |“Go!” he said. |He went.
"What?" he asked. |"Nothing." |She smiled.
He shouted "No!" and left. |Gone.
He is (?) a doctor (sic!). |Truly.
(See below.) |Next one. |[Really.] |Yes.
He wrote [...] Another word and (...) More. |End.
The "?" Key is here. |Press it.
It is done.[1] |It was good.[^2] |Yes.
Steps: 1. First mix. |2. Then bake.
1. First|\n2. Second|\n3. Third
I. Introduction|\n  II. Methods|\n* iv) Results
- milk and honey|\n- eggs|\n- bread
a) one thing|\nb) another
Here is a list:|\n- One. |Two.|\n- Three
# A Title|\nthe text goes on. |Yes.
## 1. Title|\n|\nText here. |More.
First paragraph|\n\nsecond paragraph
The quick brown\nfox jumps. |Over.
Roses are red|\nViolets are blue
Great! 🎉 |Next one. |Nice 😀 and good.
Yes!🎉🎊 |Go on.
hello! |how are you? |fine.
He came. he saw.
Yahoo.com is old. |Jeopardy runs.
我喜欢你。|你呢？|很好！|谢谢
他说：“你好。”|她笑了。
你好!|我是人.|你是谁?|好
价格是3.14元。|便宜。
「行こう。」と言った。|そして行った。
今日は晴れ。|明日は？！？|はい
안녕하세요. |반갑습니다! |네.
नमस्ते। |आप कैसे हैं? |ठीक।
مرحبا. |كيف حالك؟ |بخير.
یہ اچھا ہے۔ |شکریہ۔
Τι κάνεις; |Καλά. |Ευχαριστώ.
¿Cómo estás? |¡Muy bien! |El Sr. García llegó. |Ud. Sabe.
¡Hola!|¿Qué tal?|¡Bien!
¿Qué? |preguntó él. |Nada.
Hay p. ej. tres. |Los EE. UU. son grandes. |Sí.
Quoi ? |Non ! |« Oui ! » |Il partit. |M. Dupont et Mme. Durand.
Il dit : « Non. » |Puis rien.
Er sagte: »Halt.« |Dann ging er. |»Gut«, sagte sie.
„Geh.“ |Er ging z. B. Äpfel holen, d. h. Obst usw. |Dann kam er.
Am 3. Oktober war es. |Der 1. FC Köln gewann im 19. Jahrhundert. |Toll.
Es war der 12. Mai. |Datum: 3. Oktober. |Und 24. 12. 2024 auch.
I am 12. |They are 13. |Ok.
Im Jahr 50 v. Chr. Geburt kam Nr. 5 bzw. Abb. 3. |Ende.
Die Fa. kam vgl. Abs. 3. |Der Umsatz lag bei 5 Mio. Euro. |Gut.
Sig. Rossi arrivò. |Il dott. Bianchi no. |Perché?
De heer dhr. Jansen kwam. |Hij ging bijv. Naar huis.
Это напр. Москва. |Он жил в 2020 г. |Он ушёл. |Проф. Иванов и т. д.
Mam np. Kota. |Prof. Nowak z ul. Długiej. |Tak.
Det är t.ex. Stockholm. |Ja.
Done.\n|Next.\n|\nThird.
**Note.** |Then *this one.* |End.
**1.** First. |**Dr.** Smith.
Solve for x. |Then for y. |Done.
The end of "U.S." |Right.
He is from Oakland, CA. |She has MS. |He left.
The bank closed at 6 P.M. |Mr. Smith came at 6 P.M. |He left.
Խոսիր։ |Լավ։
""".strip().splitlines()


def every_character(text: str, plain: bool = False) -> list[str]:
    cut = Sentences(plain)
    return [piece for character in text for piece in cut.feed(character)] + cut.finish()


def at_once(text: str, plain: bool = False) -> list[str]:
    cut = Sentences(plain)
    return cut.feed(text) + cut.finish()


# What is said of Markdown, a bar between sentences.
SPOKEN = [
    ("# Title\nText *goes* on.", "Title|Text goes on."),
    ("### **Bold** title\n\nText.", "Bold title|Text."),
    ("#hashtag is none.", "#hashtag is none."),
    ("- milk\n* eggs\n+ tea\n• salt", "milk|eggs|tea|salt"),
    ("1. First\n2) Second. More.\n10. third", "First|Second.|More.|third"),
    ("- [ ] open\n- [x] done", "open|done"),
    ("2024. A year. 12.5 is a number.", "2024.|A year.|12.5 is a number."),
    ("> quoted. Yes.\n>> deeper", "quoted.|Yes.|deeper"),
    ("a\n\n---\n\nb\n\n***\n\nc", "a|b|c"),
    ("Heading\n=======\ntext", "Heading|text"),
    ("**Note:** it *is* ***so***. __Really__, _yes_.", "Note: it is so.|Really, yes."),
    ("Very __much so__ and __Bold__.", "Very much so and Bold."),
    ("**S**tructured **Q**uery", "Structured Query"),
    ("**a *b* c** and *a **b** c* and **a *b***.", "a b c and a b c and a b."),
    ("**bold with `code*` in _it_**", "bold with code* in it"),
    ("这是**重点**内容。好", "这是重点内容。|好"),
    ("2 * 3 * 4 = 24. 2*3*4. 2**3**4.", "2 * 3 * 4 = 24. 2*3*4. 2**3**4."),
    ("snake_case, _private, a_b_c and __init__.", "snake_case, _private, a_b_c and __init__."),
    ("file*.txt and *.py and other*.txt", "file*.txt and *.py and other*.txt"),
    ("5 stars* and *conditions apply", "5 stars* and *conditions apply"),
    ("f(**kwargs) and *args. **kwargs, x**2.", "f(**kwargs) and *args.|**kwargs, x**2."),
    ("~~gone~~ but ~5 and ~ this", "gone but ~5 and ~ this"),
    ('See [the docs](https://x.test/a_(b) "T") or [ref][1].', "See the docs or ref."),
    ("[1]: https://x.test\nText.", "Text."),
    ("A fact.[^1] More.\n\n[^1]: The note.", "A fact.|More.|The note."),
    ("A fact [1]. An array[0](x). [a] [b] (c).", "A fact [1].|An array[0](x).|[a] [b] (c)."),
    ("![a red fox](fox.png) runs. [![badge](b.svg)](c)", "a red fox runs. badge"),
    ("Wow! ![x](y)! Hm!", "Wow!|x!|Hm!"),
    ("Call `f(x)` or ``a`b``. It's 5` long.", "Call f(x) or a`b.|It's 5` long."),
    ("Run:\n```python\nx = 1. Y = 2\n# no\n```\nThen stop.", "Run:|Then stop."),
    ("Run:\n~~~\n```\nx\n~~~\nThen. ```not``` a fence", "Run:|Then. not a fence"),
    ("Open:\n```\nnever closed. No.", "Open:"),
    ("| Name | Age |\n|---|:-:|\n| Ann | 5 |\n| **Bob** | |\n\nDone.", "Name, Age|Ann, 5|Bob|Done."),
    ("One<br>Two <b>three</b> <img src='x'/> four", "One|Two three four"),
    ("if a < b and c > d: List<String> x<y", "if a < b and c > d: List<String> x<y"),
    ("<!-- hidden --> <https://x.test/a> ok &amp; &lt;5 AT&T", "https://x.test/a ok & <5 AT&T"),
    (r"\*not\* \_it\_ C:\dir", r"*not* _it_ C:\dir"),
    ("**Warning** " + "word " * 10 + "*x", "Warning " + "word " * 10 + "*x"),
    ("a  b\tc\n\n\n\nD", "a b c|D"),
]


@pytest.mark.parametrize(("text", "said"), SPOKEN)
def test_what_is_said_of_markdown(text: str, said: str) -> None:
    assert at_once(text, plain=True) == said.split("|")
    assert every_character(text, plain=True) == at_once(text, plain=True)


def test_bars_outside_of_tables_stay() -> None:
    assert at_once("|x| is absolute.\n|y|\na | b", plain=True) == ["|x| is absolute.", "|y| a | b"]


@pytest.mark.parametrize("case", CASES)
def test_where_sentences_end(case: str) -> None:
    case = case.replace("\\n", "\n")
    assert at_once(case.replace("|", "")) == [_ for _ in _moved(case) if _]


def _moved(case: str) -> list[str]:
    """The bar before a line's end is easier to read: white space goes with the sentence before."""
    pieces = case.split("|")
    for i in range(1, len(pieces)):
        if pieces[i].startswith("\n") and pieces[i - 1].strip():
            lines = 2 if pieces[i].startswith("\n\n") and pieces[i - 1][-1] not in ".!?:" else 1
            pieces[i - 1] += pieces[i][:lines]
            pieces[i] = pieces[i][lines:]
    return pieces


def test_what_is_fed_after_the_end_is_another_text() -> None:
    cut = Sentences(plain=True)
    assert cut.feed("Open:\n```\nx = 1") + cut.finish() == ["Open:"]
    assert cut.feed("# A *title*\n- x") + cut.finish() == ["A title", "x"]
    assert cut.finish() == []


PIECES = [
    *'aBzI *_`~[]()|.!?。…,;:\n"»«-#>\\<&13🎉と、ς',
    *(
        ". ",
        "? ",
        "\n\n",
        "**",
        "](",
        "![",
        "```",
        "```py\n",
        "| a | b |\n",
        "|---|\n",
        "- ",
        "1. ",
        "# ",
        "<br>",
        "[^1]",
        "Dr",
        "U.S",
        "No",
    ),
    *("am ", "Mai", "p.m", "z. B", "\r\n", "---", "word, " * 9, "x" * 90, "http://x.y/", "[a]: b\n", "&amp;"),
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=80), st.integers(2, 9), st.booleans())
def test_the_same_however_it_is_cut_and_nothing_is_lost(text: str, step: int, plain: bool) -> None:
    whole = at_once(text, plain)
    assert every_character(text, plain) == whole
    cut = Sentences(plain)
    assert [piece for i in range(0, len(text), step) for piece in cut.feed(text[i : i + step])] + cut.finish() == whole
    assert all(0 < len(piece) <= LONGEST for piece in whole)
    if not plain:
        assert "".join(whole) == text


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Hello. W", "Hello. "), ("Hello.\n", "Hello.\n"), ("Hello!\n", "Hello!\n"), ("Why? B", "Why? "), ("你好。我", "你好。"),
        ("# Title\n", "# Title\n"), ("Thus:\n", "Thus:\n"), ("one\n\n", "one\n\n"), ("- a\n-", "- a\n"), ("(Yes.) N", "(Yes.) "),
        ("in the U.S. The ", "in the U.S. "), ("No. I", "No. "), ("at 12. M", None), ("at 12. My", "at 12. "), ("at 12. Ma", None), ("at 12. May", "at 12. "),
        ("3.", None), ("Hello.", None), ("Hello. ", None), ("Hello", None), ("in the U.S. The", None), ("你好。", None), ("one\nt", None),
    ],
)  # fmt: skip
def test_a_sentence_comes_as_soon_as_it_is_sure(text: str, first: str | None) -> None:
    cut = Sentences()
    pieces = [piece for character in text[:-1] for piece in cut.feed(character)]
    assert pieces == []
    assert cut.feed(text[-1]) == ([first] if first else [])


def test_text_without_a_stop_is_cut_at_a_comma_a_space_or_anywhere() -> None:
    assert [len(piece) for piece in at_once("x" * (2 * LONGEST + 1))] == [LONGEST, LONGEST, 1]
    words = at_once("word " * 100)
    assert words == ["word " * (LONGEST // 5), "word " * (100 - LONGEST // 5)]
    clauses = at_once("word " * 40 + "word, " + "word " * 60)
    assert clauses == ["word " * 40 + "word, ", "word " * 60]
    assert at_once("一二三四，" * 100)[0] == "一二三四，" * (LONGEST // 5)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "*",
        "[",
        "![",
        "x",
        " ",
        "\n",
        "_a ",
        "*a ",
        "`",
        "```\n",
        "|",
        "| ",
        "> ",
        "- ",
        "a. ",
        ",",
        "<b",
        "]",
        "(",
        "🎉",
        "[[a](",
    ],
)
def test_of_hostile_text_little_is_held(unit: str, plain: bool) -> None:
    """What is looked at again with each piece is bounded, so the time is in proportion to the text."""
    text = ("| a |\n|---|\n" if "|" in unit else "") + unit * (4_000 // len(unit))
    cut = Sentences(plain)
    pieces: list[str] = []
    for i in range(0, len(text), 4):
        pieces += cut.feed(text[i : i + 4])
        assert len(cut._rest) < LONGEST
        assert cut._plain is None or len(cut._plain._text) <= 301
    assert pieces + cut.finish() == at_once(text, plain)
