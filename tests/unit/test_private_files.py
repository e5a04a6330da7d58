from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.private_files import is_secret, may_be_read


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "prod.env", "a/.ENV", ".ssh/config", "id_rsa", "deploy/id_ed25519"),
        *("server.pem", "tls.key", "vault.kdbx", ".netrc", ".npmrc", "main.tfvars", "secrets.yaml"),
        *("kubeconfig", "prod.kubeconfig", "application-secrets.yml", "local.settings.json"),
        *("passwords.txt", "token.txt", "token.json", "aws_credentials.csv", "db.secret.yaml"),
        *("credentials.json", ".aws/config", ".git/config", "service-account-1.json"),
    ],
)
def test_secrets(name: str, tmp_path: Path) -> None:
    assert is_secret(Path("/project") / name)
    assert not may_be_read(tmp_path / name, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("main.py", "environment.py", "keys.py", "secrets.py", "env/a.c", "credentials.py"),
        *("token.py", "app_secrets.go", "tokens.json", "tokenizer.json", "password_field.css"),
    ],
)
def test_code(name: str, tmp_path: Path) -> None:
    assert not is_secret(Path("/project") / name)
    assert may_be_read(tmp_path / name, tmp_path)


def test_what_git_ignores(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n/local.py\n!keep.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitignore").write_text("*.tmp.py\n!a.log\n")
    allowed = {
        "a.py": True,
        "a.log": False,
        "keep.log": True,
        "build/keep.log": False,
        "local.py": False,
        "sub/local.py": True,
        "sub/x.tmp.py": False,
        "x.tmp.py": True,
        "sub/a.log": True,
        "sub/b.log": False,
    }
    assert {name: may_be_read(tmp_path / name, tmp_path) for name in allowed} == allowed


def test_what_the_repository_around_the_workspace_ignores(tmp_path: Path) -> None:
    root = tmp_path / "packages" / "shop"
    root.mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("*.local.py\n/packages/shop/made/\n/scratch/\n")
    names = ("main.py", "a.local.py", "made/b.py")
    assert [may_be_read(root / name, root) for name in names] == [True, True, True]
    (tmp_path / ".git").mkdir()
    assert [may_be_read(root / name, root) for name in names] == [True, False, False]
    scratch = tmp_path / "scratch"  # opened all the same
    assert may_be_read(scratch / "main.py", scratch)
    (root / ".git").write_text("gitdir: elsewhere\n")
    assert [may_be_read(root / name, root) for name in names] == [True, True, True]


def test_what_the_settings_leave_out(tmp_path: Path) -> None:
    excluded = ["private/", "*.gen.py"]
    assert not may_be_read(tmp_path / "private" / "a.py", tmp_path, excluded)
    assert not may_be_read(tmp_path / "a.gen.py", tmp_path, excluded)
    assert not may_be_read(Path("/anywhere/a.gen.py"), None, excluded)
    assert may_be_read(tmp_path / "a.py", tmp_path, excluded)


@pytest.mark.parametrize("line", ["!", "[z-a]", "\\", "build\\"])
def test_a_line_that_is_no_pattern_counts_for_nothing(line: str, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(f"{line}\n*.log\n")
    assert may_be_read(tmp_path / "a.py", tmp_path, [line, "own/"])
    assert not may_be_read(tmp_path / "a.log", tmp_path)
    assert not may_be_read(tmp_path / "own/a.py", tmp_path, [line, "own/"])


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert not may_be_read(tmp_path / "a\0b.py", tmp_path)
    assert not may_be_read(tmp_path / "a\0b" / "c.py", tmp_path)


def test_nothing_outside_of_the_workspace(tmp_path: Path) -> None:
    assert not may_be_read(Path("/etc/passwd"), tmp_path)
    assert not may_be_read(tmp_path / ".." / "a.py", tmp_path)


def test_links_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.py").write_text("")
    (root / ".env").write_text("")
    (root / "a.py").symlink_to(tmp_path / "outside.py")
    (root / "b.py").symlink_to(root / ".env")
    (root / "c.py").symlink_to(root / "c.py")
    assert [may_be_read(root / name, root) for name in ("a.py", "b.py", "c.py")] == [False] * 3
