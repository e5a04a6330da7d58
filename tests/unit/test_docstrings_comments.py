"""Doc comments of other languages: the source with a cursor, and the source as it is afterwards."""

from __future__ import annotations

import asyncio
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.docstrings.answers import Refusal
from lsp_server.docstrings.document import document_definition
from lsp_server.edits import apply_changes
from tests.unit.test_docstrings_sweep import HOSTILE

CURSOR = "‸"


def documented(language: str, fixture: str, *prose: str) -> str | Refusal:
    before, _, after = fixture.partition(CURSOR)
    said = iter(prose)

    async def write(prefix: str, suffix: str) -> str:
        return next(said, "")

    text = before + after
    result = asyncio.run(document_definition(text, language, len(before), style=None, write=write))
    return result if isinstance(result, Refusal) else apply_changes(text, result)


def check(language: str, fixture: str, expect: str, *prose: str) -> None:
    fixture, expect = textwrap.dedent(fixture), textwrap.dedent(expect)
    result = documented(language, fixture, *prose)
    assert result == expect
    line = next(line for line in fixture.split("\n") if CURSOR in line)
    again = documented(language, expect.replace(line.replace(CURSOR, ""), line))
    assert isinstance(again, Refusal), again
    assert "up to date" in again.reason


def test_jsdoc() -> None:
    check(
        "javascript",
        """
        class Store {
          static async ‸load(path, {retries, delay} = {}, limit = 3, ...rest) {
            if (!path) throw new TypeError("path");
            return [path];
          }
        }
        """,
        """
        class Store {
          /**
           * Load a file.
           *
           * @param path - Where it lies.
           * @param options - The options. Defaults to {}.
           * @param limit - How many. Defaults to 3.
           * @param rest - The rest.
           * @returns What was read.
           * @throws {TypeError} If the path is empty.
           */
          static async load(path, {retries, delay} = {}, limit = 3, ...rest) {
            if (!path) throw new TypeError("path");
            return [path];
          }
        }
        """,
        *["Load a file.", "Where it lies", "", "How many", "", "What was read."],
        "the path is empty",
    )


@pytest.mark.parametrize(
    ("language", "line", "tags"),
    [
        ("javascript", "const ‸f = async x => x;", ["param x", "returns"]),
        ("javascript", "function* ‸f() { yield 1; }", ["yields"]),
        ("typescript", "export function ‸f(this: X, a: A, b?: B): void {}", ["param a", "param b"]),
        ("typescript", "function ‸f(a: A): a is B { return true; }", ["param a", "returns"]),
        ("typescriptreact", "function ‸f(a: A) { return <b/>; }", ["param a", "returns"]),
        ("java", "record ‸R<T>(int a, T b) {}", ["param <T>", "param a", "param b"]),
        ("c", "int *‸f(int *a, char b[], ...) { }", ["param a", "param b", "return"]),
        ("c", "void ‸f(int (*c)(int d)) { }", ["param c"]),
        ("c", "void ‸f(void) {}", []),
        ("cpp", "template <class T> ‸class A {};", ["tparam T"]),
        ("cpp", "A::‸A(const T &x, int = 3) : x(x) {}", ["param x"]),
        ("cpp", "auto ‸f(int x = 2) { return x; }", ["param x", "return"]),
    ],
)  # fmt: skip
def test_what_tags_there_are(language: str, line: str, tags: list[str]) -> None:
    result = documented(language, line + "\n")
    assert isinstance(result, str), result
    found = [each.split("@")[1] for each in result.split("\n") if each.startswith(" * @")]
    assert [tag for tag, whole in zip(tags, found, strict=True) if whole.startswith(tag)] == tags


def test_javadoc() -> None:
    check(
        "java",
        """
        class A {
        \t@Override
        \tpublic <T> int ‸count(final T item, String... names) throws IOException {
        \t\tthrow new IllegalStateException();
        \t}
        }
        """,
        """
        class A {
        \t/**
        \t * Count.
        \t *
        \t * @param <T> What is counted.
        \t * @param item The item.
        \t * @param names The names.
        \t * @return The result.
        \t * @throws IOException If there is an IO error.
        \t * @throws IllegalStateException If there is an illegal state error.
        \t */
        \t@Override
        \tpublic <T> int count(final T item, String... names) throws IOException {
        \t\tthrow new IllegalStateException();
        \t}
        }
        """,
        *["", "", "What is counted."],
    )


def test_doxygen_in_place() -> None:
    check(
        "cpp",
        """
        /**
         * Keep this,
         * and this.
         *
         * @param[in] b About b
         *            in two lines.
         * @param gone Not any more.
         * @see other
         */
        template <typename T>
        int ‸f(T a, int b) { throw std::runtime_error("x"); }
        """,
        """
        /**
         * Keep this,
         * and this.
         *
         * @tparam T The t.
         * @param a The a.
         * @param[in] b About b
         *            in two lines.
         * @return The result.
         * @throws std::runtime_error If there is a runtime error.
         * @see other
         */
        template <typename T>
        int f(T a, int b) { throw std::runtime_error("x"); }
        """,
    )


def test_a_comment_of_one_line_gets_room() -> None:
    check(
        "typescript",
        "/** Keep this. */\nexport const ‸f = (a: number) => a;\n",
        "/**\n * Keep this.\n *\n * @param a - The a.\n * @returns The result.\n */\n"
        "export const f = (a: number) => a;\n",
    )


def test_a_plain_comment_is_none_of_ours() -> None:
    check(
        "java",
        "class A {\n  /* License. */\n  void ‸f() {}\n}\n",
        "class A {\n  /* License. */\n  /**\n   * F.\n   */\n  void f() {}\n}\n",
    )


def test_rustdoc() -> None:
    check(
        "rust",
        """
        impl A {
            #[inline]
            pub fn ‸read(&self, mut path: P, (a, b): (u8, u8)) -> Result<(), E> { Ok(()) }
        }
        """,
        """
        impl A {
            /// Read.
            ///
            /// # Arguments
            ///
            /// * `path` - The path.
            /// * `parts` - The parts.
            ///
            /// # Returns
            ///
            /// The result.
            ///
            /// # Errors
            ///
            /// If something goes wrong.
            #[inline]
            pub fn read(&self, mut path: P, (a, b): (u8, u8)) -> Result<(), E> { Ok(()) }
        }
        """,
    )


def test_rustdoc_in_place() -> None:
    check(
        "rust",
        """
        /// Keep this.
        ///
        /// # Arguments
        ///
        /// * `b` - About b,
        ///   in two lines.
        /// * `gone` - Not any more.
        ///
        /// # Examples
        ///
        /// ```
        /// # hidden();
        /// ```
        fn ‸f(a: u8, b: u8) {}
        """,
        """
        /// Keep this.
        ///
        /// # Arguments
        ///
        /// * `a` - The a.
        /// * `b` - About b,
        ///   in two lines.
        ///
        /// # Examples
        ///
        /// ```
        /// # hidden();
        /// ```
        fn f(a: u8, b: u8) {}
        """,
    )


def test_go() -> None:
    check(
        "go",
        "package p\n\nfunc (r *R) ‸ReadAll(a, b int) error { return nil }\n",
        "package p\n\n// ReadAll takes it all in.\n"
        "func (r *R) ReadAll(a, b int) error { return nil }\n",
        "takes it all in.",
    )


@pytest.mark.parametrize(
    ("language", "fixture", "reason"),
    [
        ("klingon", "x‸", "klingon"),
        ("", "x‸", "this language"),
        ("java", "‸\n", "no function or class"),
        ("javascript", "f(1); function ‸g() {}", "line of its own"),
        ("go", "// F is here.\nfunc ‸F() {}\n", "up to date"),
    ],
)
def test_refusals_say_why(language: str, fixture: str, reason: str) -> None:
    result = documented(language, fixture)
    assert isinstance(result, Refusal)
    assert reason in result.reason


def test_the_cursor_in_the_comment_above() -> None:
    result = documented("java", "class A {\n  /**\n   * ‸\n   */\n  void f(int x) {}\n}\n")
    assert result == (
        "class A {\n  /**\n   * F.\n   *\n   * @param x The x.\n   */\n  void f(int x) {}\n}\n"
    )


@pytest.mark.parametrize("line", ["   * Old.", "   *", "   *\n", "   * Old.\n   *\n   * More."])
def test_any_line_of_the_comment_above_will_do(line: str) -> None:
    comment = line.replace("   *", "   *‸", 1)
    result = documented("java", f"class A {{\n  /**\n{comment}\n   */\n  void f(int x) {{}}\n}}\n")
    assert isinstance(result, str)
    assert "   * @param x The x.\n   */\n  void f(int x) {}" in result


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@given(prose=st.lists(st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE)), max_size=4))
def test_whatever_a_model_says(line_break: str, prose: list[str]) -> None:
    sources = {
        "java": "class A {\n  int f‸(int a) { return a; }\n}\n",
        "typescript": "const f‸ = (a, {b}) => a;\n",
        "rust": "fn f‸(a: u8) -> u8 { a }\n",
        "go": "package p\nfunc F‸(a int) int { return a }\n",
        "cpp": "int f‸(int a) { return a; }\n",
    }
    for language, fixture in sources.items():
        result = documented(language, fixture.replace("\n", line_break), *prose, "*/ int x; /*")
        assert isinstance(result, str), result
        assert not set(result.replace(line_break, "")) & {"\r", "\n"}
        assert line_break.join(_without_comments(result.split(line_break))) == fixture.replace(
            CURSOR, ""
        ).replace("\n", line_break)


def _without_comments(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.lstrip().startswith(("/*", "*", "//"))]
