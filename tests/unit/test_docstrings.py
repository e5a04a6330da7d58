"""One definition at a time: the source with a cursor, and the source as it is afterwards."""

from __future__ import annotations

import asyncio
import re
import textwrap
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.docstrings.answers import Refusal
from lsp_server.docstrings.document import document_definition
from lsp_server.docstrings.styles import Style
from lsp_server.edits import apply_changes

CURSOR = "‸"


def documented(fixture: str, *prose: str, style: Style | None = None) -> str | Refusal:
    """Document the definition at the cursor; the model says `prose`, then nothing."""
    before, _, after = fixture.partition(CURSOR)
    said = iter(prose)

    async def write(prefix: str, suffix: str) -> str:
        return next(said, "")

    text = before + after
    result = asyncio.run(document_definition(text, "python", len(before), style=style, write=write))
    return result if isinstance(result, Refusal) else apply_changes(text, result)


def check(fixture: str, expect: str, *prose: str, style: Style | None = None) -> None:
    fixture, expect = textwrap.dedent(fixture), textwrap.dedent(expect)
    assert documented(fixture, *prose, style=style) == expect
    at = fixture.index(CURSOR)
    again = documented(expect[:at] + CURSOR + expect[at:])
    assert isinstance(again, Refusal), again
    assert "up to date" in again.reason


def test_google() -> None:
    check(
        """
        def ‸fetch(url: str, *hosts, num_tries: int = 3, **options) -> bytes:
            if not url:
                raise ValueError("no url")
            return b""
        """,
        """
        def fetch(url: str, *hosts, num_tries: int = 3, **options) -> bytes:
            \"""Fetch a page.

            Args:
                url (str): Where it lies.
                *hosts: Mirrors to ask.
                num_tries (int, optional): Number of tries. Defaults to 3.
                **options: Further keyword arguments.

            Returns:
                bytes: The body.

            Raises:
                ValueError: If the address is empty.
            \"""
            if not url:
                raise ValueError("no url")
            return b""
        """,
        *["fetch a page", "where it lies. ", "Mirrors to ask.", "", "", "The body.\n"],
        "the address is empty",
    )


def test_numpy() -> None:
    check(
        """
        def ‸scale(x: "np.ndarray", factor: float = 2.0, out=None):
            return x * factor
        """,
        """
        def scale(x: "np.ndarray", factor: float = 2.0, out=None):
            \"""Scale.

            Parameters
            ----------
            x : np.ndarray
                The x.
            factor : float, default 2.0
                The factor.
            out : optional
                The out.

            Returns
            -------
            The result.
            \"""
            return x * factor
        """,
        style=Style.NUMPY,
    )


def test_sphinx() -> None:
    check(
        """
        async def ‸lines(path: Path, encoding="utf-8") -> AsyncIterator[str]:
            yield ""
        """,
        """
        async def lines(path: Path, encoding="utf-8") -> AsyncIterator[str]:
            \"""Lines.

            :param path: The path.
            :type path: Path
            :param encoding: The encoding. Defaults to "utf-8".
            :yields: The result.
            \"""
            yield ""
        """,
        style=Style.SPHINX,
    )


@pytest.mark.parametrize(
    ("fixture", "expect"),
    [
        ("def ‸f(): pass", 'def f():\n    """F."""\n    pass'),
        ("def ‸f(): x = 1; y = 2  # c\n", 'def f():\n    """F."""\n    x = 1; y = 2  # c\n'),
        ("def ‸f(a,\n      b): return\n", None),
        ("class ‸A: pass\n", 'class A:\n    """A."""\n\n    pass\n'),
        (
            "class A:\n\tdef ‸f(self):\n\t\tpass\n",
            'class A:\n\tdef f(self):\n\t\t"""F."""\n\t\tpass\n',
        ),
        ("if x:\n  def ‸f(): pass\n", 'if x:\n  def f():\n    """F."""\n    pass\n'),
        ("def ‸f():  # why: x\n    # more: y\n    pass", None),
        ("def ‸f():\n    pass\r\n", 'def f():\n    """F."""\n    pass\r\n'),
        ("def ‸f():\r\n    pass\r\n", 'def f():\r\n    """F."""\r\n    pass\r\n'),
        ("@a[b:c]\n@d(lambda: 0)\ndef ‸f() -> {1: 2}:\n    @e\n    def g(): pass\n", None),
        ("def ‸f(): \\\n  pass\n", 'def f():\n  """F."""\n  pass\n'),
        ('def ‸f():\n    """"""\n', 'def f():\n    """F."""\n'),
        ("def ‸f():\n    ''\n    x = 1\n", 'def f():\n    """F."""\n    x = 1\n'),
        ('def ‸f():\n    r"""\n    """; x = 1\n', 'def f():\n    r"""F."""; x = 1\n'),
        ("x = '😋'; s = '''\n'''\nclass A:\n    def f(é): ‸pass\n", None),
        ("def ‸f():\n    f'''no docstring'''\n", None),
        ("def ‸f():\n    b'no docstring'\n", None),
        ("\ufeffdef ‸f(): pass\n", '\ufeffdef f():\n    """F."""\n    pass\n'),
        ("s = '\ud83d'\ndef ‸f(): pass\n", None),
        ("x = 1\x0c\ndef ‸f():\n    '''Do.'''; pass\n", "up to date"),
    ],
)
def test_where_it_goes(fixture: str, expect: str | None) -> None:
    result = documented(fixture)
    if expect == "up to date":
        assert isinstance(result, Refusal)
    elif expect is None:
        assert isinstance(result, str), result
        assert '"""F.' in result
    else:
        assert result == expect


def test_comments_before_the_body_stay_behind_the_docstring() -> None:
    check(
        """
        def ‸f(x):  # head: yes
            # first: no
            pass
        """,
        """
        def f(x):  # head: yes
            \"""F.

            Args:
                x: The x.
            \"""
            # first: no
            pass
        """,
    )


def test_google_in_place() -> None:
    check(
        '''
        def ‸f(a, b, c):
            """Keep this.

            And this, \\d, too.

            Args:
              c: About c,
                in two lines.
              gone: Not any more.
                Really.
              a (int): About a.

            Note:
              Remark.
            """
        ''',
        '''
        def f(a, b, c):
            """Keep this.

            And this, \\d, too.

            Args:
              a (int): About a.
              b: Between.
              c: About c,
                in two lines.

            Note:
              Remark.
            """
        ''',
        "Between.",
    )


def test_numpy_in_place() -> None:
    check(
        '''
        def ‸f(a, d, b):
            """
            Keep this.

            Parameters
            ----------
            a, x, b : int
                Both.
            y

            Notes
            -----
            Remark.
            """
            raise KeyError
        ''',
        '''
        def f(a, d, b):
            """
            Keep this.

            Parameters
            ----------
            a, b : int
                Both.
            d
                New.

            Raises
            ------
            KeyError
                If it is absent.

            Notes
            -----
            Remark.
            """
            raise KeyError
        ''',
        *["New", "it is absent"],
    )


def test_sphinx_in_place() -> None:
    check(
        """
        def ‸f(a, b, *c):
            '''Keep this.

            :param int b: About b
                and more.
            :param gone: x
            :type gone: int
            :raises KeyError: never
            :returns: a thing
            '''
            return 1
        """,
        """
        def f(a, b, *c):
            '''Keep this.

            :param a: New.
            :param int b: About b
                and more.
            :param c: More.
            :raises KeyError: never
            :returns: a thing
            '''
            return 1
        """,
        *["New", "More"],
    )


def test_what_may_come_in_behind_two_stars_stays() -> None:
    check(
        """
        def ‸f(new, **options):
            '''F.

            Args:
                size: One of the options.
            '''
        """,
        """
        def f(new, **options):
            '''F.

            Args:
                new: The new.
                **options: Further keyword arguments.
                size: One of the options.
            '''
        """,
    )


def test_a_single_quoted_docstring_gets_room() -> None:
    check(
        r"""
        class A:
            def ‸f(self, x): 'Say \'hi\', "ho"\n\nand \\ more'; return x
        """,
        r'''
        class A:
            def f(self, x):
                """Say 'hi', "ho"

                and \\ more

                Args:
                    x: The x.

                Returns:
                    The result.
                """; return x
        ''',
    )


def test_a_class_describes_what_its_init_takes_and_a_dataclass_its_fields() -> None:
    check(
        """
        class ‸A:
            def __init__(self, size=(1,
                                     2)): self.size = size
        """,
        '''
        class A:
            """A.

            Args:
                size: The size. Defaults to (1, 2).
            """

            def __init__(self, size=(1,
                                     2)): self.size = size
        ''',
    )
    check(
        """
        @dataclass(frozen=True)
        class ‸Point:
            x: int
            tags: list[str] = field(default_factory=list)
            y: int = 0
            count: ClassVar[int] = 0
        """,
        '''
        @dataclass(frozen=True)
        class Point:
            """Point.

            Attributes:
                x (int): The x.
                tags (list[str]): The tags.
                y (int, optional): The y. Defaults to 0.
            """

            x: int
            tags: list[str] = field(default_factory=list)
            y: int = 0
            count: ClassVar[int] = 0
        ''',
    )


def test_the_style_and_the_types_of_the_file() -> None:
    check(
        '''
        def a(x: int):
            """A.

            :param x: An x.
            """

        def ‸b(y: int) -> None:
            pass
        ''',
        '''
        def a(x: int):
            """A.

            :param x: An x.
            """

        def b(y: int) -> None:
            """B.

            :param y: The y.
            """
            pass
        ''',
    )


@pytest.mark.parametrize(
    ("entry", "expect"),
    [
        ("    x (str): Told.", "    x (list[int]): Told."),
        ("    x (str, optional): Told.", "    x (list[int], optional): Told."),
        ("    x (list[ int ]): Told.", None),
        ("    x (str or None): Told str.", None),
        ("    x (array of shape (n,)): Told.", None),
        ("    x: Told (str).", None),
    ],
)
def test_types_follow_the_annotation_and_prose_stays(entry: str, expect: str | None) -> None:
    fixture = f'def ‸f(x: list[int]):\n    """F.\n\n    Args:\n    {entry}\n    """\n'
    result = documented(fixture)
    if expect is None:
        assert isinstance(result, Refusal)
    else:
        assert result == fixture.replace(CURSOR, "").replace(entry, expect)


def test_types_of_other_styles() -> None:
    check(
        """
        def ‸f(a: int, b: float):
            '''F.

            :param str a: Told.
            :param b: Told.
            :type b: int
            '''
        """,
        """
        def f(a: int, b: float):
            '''F.

            :param int a: Told.
            :param b: Told.
            :type b: float
            '''
        """,
    )
    check(
        """
        def ‸f(a: int, b: float = 1):
            '''F.

            Parameters
            ----------
            a : str
                Told.
            b : int, optional
                Told.
            '''
        """,
        """
        def f(a: int, b: float = 1):
            '''F.

            Parameters
            ----------
            a : int
                Told.
            b : float, optional
                Told.
            '''
        """,
    )


@pytest.mark.parametrize(
    ("body", "raises"),
    [
        ("raise ValueError", ["ValueError"]),
        ("raise a.b.OwnError('x') from None", ["a.b.OwnError"]),
        ("try: x()\n    except KeyError: raise", []),
        ("try: x()\n    except KeyError as e: raise e", []),
        ("try: raise KeyError\n    except KeyError: pass", []),
        ("try: raise KeyError\n    except Exception: raise OSError", ["OSError"]),
        ("def inner(): raise KeyError", []),
        ("for _ in x:\n        with y: raise TypeError\n    raise TypeError", ["TypeError"]),
        ("raise make_error()", []),
        ("match x:\n        case 1: raise IndexError", ["IndexError"]),
    ],
)
def test_what_is_raised(body: str, raises: list[str]) -> None:
    result = documented(f"def ‸f():\n    {body}\n", style=Style.SPHINX)
    assert isinstance(result, str)
    found = [line.split()[1].rstrip(":") for line in result.split("\n") if ":raises" in line]
    assert found == raises


@pytest.mark.parametrize(
    ("head", "body", "section"),
    [
        ("def f()", "return", ""),
        ("def f()", "return None", ""),
        ("def f()", "return 1", "Returns:"),
        ("def f() -> None", "return g()", ""),
        ("def f() -> 'NoReturn'", "x", ""),
        ("def f() -> int", "...", "Returns:"),
        ("def f()", "lambda: (yield)", ""),
        ("def f()", "x = [(lambda: 1) for _ in y]", ""),
        ("def f()", "yield 1", "Yields:"),
        ("def f()", "x = yield", ""),
        ("def f()", "yield from x", "Yields:"),
        ("def f() -> Iterator[int]", "yield 1", "Yields:\n        int:"),
        ("def f() -> 'Generator[a.B, None, None]'", "yield 1", "Yields:\n        a.B:"),
        ("@property\ndef f(self)", "return 1", ""),
    ],
)
def test_what_comes_back(head: str, body: str, section: str) -> None:
    result = documented(f"‸{head}:\n    {body}\n")
    assert isinstance(result, str)
    assert (section in result) if section else ("Returns" not in result and "Yields" not in result)


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        ("x = 1‸\n", "no function or class"),
        ("def f(:\n    ‸pass\n", "line 1"),
        ("@overload\ndef ‸f(x: int): ...\n", "implementation"),
        ('def ‸f():\n    """F."""\n', "up to date"),
        ("def f(): '\x00‸'", "parse"),
    ],
)
def test_refusals_say_why(fixture: str, reason: str) -> None:
    result = documented(fixture)
    assert isinstance(result, Refusal)
    assert reason in result.reason


def test_an_error_elsewhere_in_the_file_is_no_hindrance() -> None:
    fixture = "def broken(:\n\nclass A:\n    @x\n    def f(self, a):\n        return ‸a\n\n)\n"
    result = documented(fixture)
    assert isinstance(result, str)
    assert "            a: The a." in result
    assert result.startswith('def broken(:\n\nclass A:\n    @x\n    def f(self, a):\n        """F.')


def test_long_sums_and_chains() -> None:
    terms = " + ".join(["x"] * 900)
    chain = "".join(f"    elif x == {n}: pass\n" for n in range(90))
    result = documented(f"def ‸f(x):\n    if x: raise KeyError\n{chain}    return {terms}\n")
    assert isinstance(result, str), result
    assert "KeyError: If" in result


def test_the_model_reads_each_token_once_and_sees_the_body() -> None:
    asked = []

    async def write(prefix: str, suffix: str) -> str:
        asked.append((prefix, suffix))
        return "Some words."

    text = "x = 1\ndef f(a, b):\n    return a\n"
    asyncio.run(document_definition(text, "python", 8, style=None, write=write))
    prefixes = [prefix for prefix, _ in asked]
    assert prefixes[0] == 'x = 1\ndef f(a, b):\n    """'
    assert prefixes[1] == prefixes[0] + "Some words.\n\n    Args:\n        a: "
    assert all(b.startswith(a) for a, b in pairwise(prefixes))
    assert {suffix for _, suffix in asked} == {'\n    """\n    return a\n'}


names = st.lists(st.sampled_from(["a", "b", "c", "num_x", "is_y", "See"]), unique=True)


@given(before=names, after=names, style=st.sampled_from(Style))
def test_whatever_happens_to_the_parameters(
    before: list[str], after: list[str], style: Style
) -> None:
    first = documented(f"def ‸f({', '.join(before)}): pass\n", "One.", "Two.", style=style)
    assert isinstance(first, str)
    changed = first.replace(f"def f({', '.join(before)})", f"def ‸f({', '.join(after)})")
    second = documented(changed, style=style)
    if isinstance(second, Refusal):
        assert "up to date" in second.reason
        second = changed.replace(CURSOR, "")
    again = documented(second.replace("def f", "def ‸f"), "Other words.", style=style)
    assert isinstance(again, Refusal), again
    for name in set(before) & set(after):
        assert _lines_about(name, second) == _lines_about(name, first)


def _lines_about(name: str, text: str) -> list[str]:
    """The lines that begin with a parameter's name."""
    lines = text.split("\n")[1:]
    about = re.compile(rf"\s*(?::param )?{name}(:.*|)")
    return [line for line in lines if about.fullmatch(line)]
