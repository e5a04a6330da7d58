"""Which grammar reads a document."""

from __future__ import annotations

from pathlib import PurePosixPath

# Language ids of the protocol (and of editors' extensions) that are not the grammar's name.
_GRAMMAR_OF_ID = {
    "c#": "csharp",
    "c++": "cpp",
    "cuda-cpp": "cuda",
    "javascriptreact": "javascript",
    "jsonc": "json",
    "makefile": "make",
    "objective-c": "objc",
    "objective-cpp": "objc",
    "perl6": "perl",
    "postgres": "sql",
    "shellscript": "bash",
    "sh": "bash",
    "tex": "latex",
    "typescriptreact": "tsx",
    "zsh": "bash",
}
_GRAMMAR_OF_SUFFIX = {
    ".bash": "bash",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".cu": "cuda",
    ".cxx": "cpp",
    ".dart": "dart",
    ".ex": "elixir",
    ".exs": "elixir",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".java": "java",
    ".jl": "julia",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascript",
    ".kt": "kotlin",
    ".lua": "lua",
    ".mjs": "javascript",
    ".php": "php",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "bash",
    ".sql": "sql",
    ".swift": "swift",
    ".toml": "toml",
    ".ts": "typescript",
    ".tsx": "tsx",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".zig": "zig",
}


def grammar_name(language_id: str, path: str = "") -> str:
    """The grammar that reads a document with this language id; where the editor does not tell the
    language (`plaintext` or nothing), by the file's name. Empty where neither says anything; a name
    need not be one that exists.
    """
    if language_id and language_id != "plaintext":
        return _GRAMMAR_OF_ID.get(language_id.lower(), language_id.lower())
    return _GRAMMAR_OF_SUFFIX.get(PurePosixPath(path).suffix.lower(), "")
