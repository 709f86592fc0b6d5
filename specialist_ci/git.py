"""What we ask of the user's git repository: revisions, files and worktrees.

The only importer of GitPython, of which we use the runner of commands: git itself
answers every question, so that it means what it means on the user's command line.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.process import end_group

LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""The variables that tie git to one repository, as inside a hook (git rev-parse
--local-env-vars, less those that hold the user's configuration). A suite that calls git
in a worktree of ours must run without them, or it works on the user's index."""

_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",  # looking at the user's checkout does not rewrite its index
    "GIT_TERMINAL_PROMPT": "0",  # nobody is there to type a password
}
_CONFIGURATION = (
    "core.hooksPath=/dev/null",  # a checkout of ours is none of the user's hooks' business
    "core.fsmonitor=false",  # a hook, or a daemon that stays
    "core.warnAmbiguousRefs=true",  # see Repository.resolve
    "submodule.recurse=false",
    "gc.auto=0",
)

_WITHOUT_LOCAL_VARIABLES = ("env", *(f"-u{name}" for name in LOCAL_VARIABLES))

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256
_ABBREVIATED = 9  # digits of a commit, for reading
_COMMAND_NOT_FOUND = 127  # of env, POSIX


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """Two sides as the user named them; ``head`` is None for the working tree."""

    base: str
    head: str | None
    from_merge_base: bool  # base stands for its merge base with head


@dataclass(frozen=True, slots=True)
class Changes:
    """How the working tree differs from HEAD, as paths relative to its root.

    ``present`` are modified, added and untracked files, but no ignored ones;
    ``deleted`` are those that HEAD has and the working tree has not.
    """

    present: tuple[str, ...]
    deleted: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.present or self.deleted)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    stdout: str  # bytes that are no UTF-8 are kept as surrogates, as in all paths of Python
    stderr: str

    @property
    def complaint(self) -> str:
        """The line that says what went wrong, without git's prefix."""
        lines = re.findall(r"^(?:fatal|error): (.+)", self.stderr, re.MULTILINE)
        return lines[-1] if lines else f"exit status {self.status}"


def open_repository(path: Path) -> "Repository":
    """Return the repository whose checkout holds ``path``.

    GIT_DIR and its like in the environment are not heeded: the path decides.

    Raises ``UsageError`` when there is no git, no repository, no checkout, or when git
    does not trust the owner of the repository.
    """
    if not path.is_dir():
        raise UsageError(f"there is no directory {path}", remedy="name one inside a git repository")
    answer = _git(path, "rev-parse", "--is-bare-repository", "--show-toplevel")
    if answer.status == 0:
        return Repository(Path(answer.stdout.partition("\n")[2].removesuffix("\n")))
    if "dubious ownership" in answer.stderr or "unsafe repository" in answer.stderr:
        found = re.search(r"safe\.directory (.+)", answer.stderr)
        directory = found[1] if found else path
        raise UsageError(
            f"git does not trust the repository of {path}, which belongs to another user",
            remedy=f"run 'git config --global --add safe.directory {directory}'",
        )
    if answer.stdout.startswith("true"):
        raise UsageError(
            f"{path} is in a bare repository, which has no checkout",
            remedy="make one with 'git worktree add ../checkout' and run specialist-ci there",
        )
    if answer.stdout.startswith("false"):
        raise UsageError(
            f"{path} is inside the .git directory",
            remedy="run specialist-ci in the checkout, beside .git",
        )
    raise UsageError(
        f"{path} is not in a git repository ({answer.complaint})",
        remedy="run specialist-ci inside one, or make one with 'git init'",
    )


def create_repository(path: Path) -> "Repository":
    """Make a new repository with an empty checkout at ``path``, which must not exist."""
    path.mkdir(parents=True)
    answer = _git(path, "init", "--quiet", "--template=", "--initial-branch=main")
    if answer.status != 0:
        raise _failure("init", answer)
    return open_repository(path)


def parse_range(text: str) -> RevisionRange:
    """Read ``a...b`` (from the merge base), ``a..b`` or ``a`` (up to the working tree).

    An empty side means HEAD, as in git. Raises ``UsageError`` when both are empty.
    """
    base, dots, head = text.partition("...")
    if not dots:
        base, dots, head = text.partition("..")
    if not base and not head:
        raise UsageError(f"{text!r} names no revision", remedy="write BASE...HEAD, as main...HEAD")
    if not dots:
        return RevisionRange(base, None, from_merge_base=False)
    return RevisionRange(base or "HEAD", head or "HEAD", from_merge_base=dots == "...")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a checkout, which may be a linked worktree of the user's."""

    root: Path
    """The top of the user's checkout, absolute and without symbolic links."""

    def has_commits(self) -> bool:
        """Tell whether HEAD is a commit: not so right after ``git init``."""
        return self._commit_of("HEAD") is not None

    def resolve(self, revision: str) -> str:
        """Return the full id of the commit that a revision names (gitrevisions(7)).

        Raises ``UsageError`` when it names none, or more than one, or is no revision.
        """
        if not revision or revision.startswith(("-", "^")) or not revision.isprintable():
            raise UsageError(
                f"{revision!r} is no revision", remedy="name a commit, a branch or a tag"
            )
        # All that follows ":/" is text to look for in messages: it takes no suffix.
        peeled = revision if revision.startswith(":/") else f"{revision}^{{commit}}"
        answer = self._ask("rev-parse", "--verify", peeled)
        commit = answer.stdout.strip()
        if "is ambiguous" in answer.stderr:  # of a name, git only warns
            raise _ambiguous(revision, answer)
        if answer.status == 0 and _OBJECT_ID.fullmatch(commit):
            return commit
        raise self._unresolved(revision)

    def describe(self, revision: str) -> str:
        """Return a revision for people to read: its name and the start of its id.

        Raises ``UsageError`` as ``resolve`` does.
        """
        commit = self.resolve(revision)
        short = commit[:_ABBREVIATED]
        return short if commit.startswith(revision) else f"{revision} ({short})"

    def merge_base(self, base: str, head: str) -> str:
        """Return the id of the newest commit that two revisions have in common.

        Raises ``UsageError`` when there is none, or it is beyond what was fetched.
        """
        answer = self._ask("merge-base", self.resolve(base), self.resolve(head))
        if answer.status == 0:
            return answer.stdout.split()[0]
        if answer.status != 1:
            raise _failure("merge-base", answer)
        if self._is_shallow():
            raise UsageError(
                f"this clone is shallow and has no common commit of {base} and {head}",
                remedy="run 'git fetch --unshallow' (actions/checkout: fetch-depth: 0)",
            )
        raise UsageError(
            f"{base} and {head} have no common commit",
            remedy=f"compare them directly, as {base}..{head}",
        )

    def default_branch(self) -> str:
        """Return the branch that changes go to: the remote's, else the local one.

        Raises ``UsageError`` when it cannot be told.
        """
        for reference in self._default_branches():
            if self._commit_of(reference) is not None:
                return reference.removeprefix("refs/heads/").removeprefix("refs/remotes/")
        raise UsageError(
            f"cannot tell the default branch of {self.root}",
            remedy="name BASE, or run 'git remote set-head origin --auto'",
        )

    def changed_files(self) -> Changes:
        """Return how the working tree differs from HEAD.

        Submodules and repositories nested inside this one are left out.
        Raises ``UsageError`` when there is no commit yet.
        """
        self.resolve("HEAD")
        status = self._tell(
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=all",
        )
        # A record is "XY path". A path may come twice: deleted from the index, untracked.
        paths = sorted({record[3:] for record in status.split("\0") if record})
        files = {path for path in paths if self._holds(path)}
        return Changes(
            present=tuple(path for path in paths if path in files),
            deleted=tuple(path for path in paths if path not in files and path[-1] != "/"),
        )

    def is_dirty(self) -> bool:
        """Tell whether the working tree differs from HEAD."""
        return bool(self.changed_files())

    def python_files(self, commit: str | None) -> tuple[str, ...]:
        """Return the ``*.py`` files of a commit, or of the working tree, relative to the root.

        In the working tree: tracked and untracked files that exist, but no ignored ones.
        """
        paths = self._files_of_working_tree() if commit is None else self._files_of(commit)
        return tuple(sorted({path for path in paths if PurePosixPath(path).suffix == ".py"}))

    def add_worktree(self, path: Path, commit: str) -> None:
        """Check out a commit, detached from any branch, in a new directory.

        The user's hooks do not run. Raises ``MeasurementError``.
        """
        self._tell("worktree", "add", "--quiet", "--detach", str(path), commit)

    def commit_all(self, message: str) -> str:
        """Commit everything in the checkout, under a name of ours, and return the commit.

        Only for repositories that ``create_repository`` made.
        """
        author = ("-c", "user.name=specialist-ci", "-c", "user.email=specialist-ci@localhost")
        self._tell("add", "--all")
        self._tell(*author, "commit", "--quiet", "--no-gpg-sign", f"--message={message}")
        return self.resolve("HEAD")

    def remove_worktree(self, path: Path) -> None:
        """Delete a worktree and git's record of it, whatever is in it.

        Does nothing to a directory that is no worktree. Raises ``MeasurementError`` when
        git cannot delete it all.
        """
        # Twice --force: even when it is locked.
        answer = self._ask("worktree", "remove", "--force", "--force", str(path))
        if answer.status != 0 and "is not a working tree" not in answer.stderr:
            raise _failure("worktree remove", answer)

    def worktrees(self) -> tuple[Path, ...]:
        """Return the directories of all worktrees on record, whether or not they exist."""
        lines = self._tell("worktree", "list", "--porcelain").splitlines()
        prefix = "worktree "
        return tuple(Path(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))

    def _ask(self, *arguments: str) -> _Answer:
        return _git(self.root, *arguments)

    def _tell(self, *arguments: str) -> str:
        """Return the output of a command that has no reason to fail."""
        answer = self._ask(*arguments)
        if answer.status != 0:
            raise _failure(arguments[0], answer)
        return answer.stdout

    def _commit_of(self, reference: str) -> str | None:
        answer = self._ask("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        return answer.stdout.strip() if answer.status == 0 else None

    def _is_shallow(self) -> bool:
        return self._tell("rev-parse", "--is-shallow-repository").strip() == "true"

    def _unresolved(self, revision: str) -> UsageError:
        """Return the reason why a revision names no commit."""
        if self._ask("rev-parse", "--verify", "--quiet", revision).status == 0:
            kind = self._ask("cat-file", "-t", revision).stdout.strip()
            if kind:
                return UsageError(
                    f"{revision!r} names a {kind}, not a commit",
                    remedy="name a commit, a branch or a tag of a commit",
                )
        if not self.has_commits():
            return UsageError(
                f"{revision!r} is not known: {self.root} has no commits",
                remedy="make one with 'git commit'",
            )
        if self._is_shallow():
            return UsageError(
                f"this clone is shallow and does not have {revision!r}",
                remedy=f"run 'git fetch origin {revision}' or 'git fetch --unshallow' "
                "(actions/checkout: fetch-depth: 0)",
            )
        return UsageError(
            f"{revision!r} is not known in {self.root}",
            remedy="look for it with 'git branch --all' and 'git tag', or run 'git fetch'",
        )

    def _default_branches(self) -> Iterator[str]:
        remote = self._ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        if remote.status == 0:
            yield remote.stdout.strip()
        yield "refs/remotes/origin/main"
        yield "refs/remotes/origin/master"
        configured = self._ask("config", "--get", "init.defaultBranch").stdout.strip()
        if configured:
            yield f"refs/heads/{configured}"
        yield "refs/heads/main"
        yield "refs/heads/master"

    def _files_of(self, commit: str) -> Iterator[str]:
        tree = self._tell("ls-tree", "-r", "-z", "--full-tree", commit)
        for record in filter(None, tree.split("\0")):
            facts, _, path = record.partition("\t")  # "mode kind id"
            if facts.split()[1] == "blob":  # a submodule is a "commit"
                yield path

    def _files_of_working_tree(self) -> Iterator[str]:
        listed = self._tell("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return filter(self._holds, filter(None, listed.split("\0")))

    def _holds(self, path: str) -> bool:
        """Tell whether the checkout has a file or a symbolic link at exactly this path.

        A path that leads through a symbolic link is another file's, as git sees it.
        """
        file = self.root / path
        try:
            is_file = file.is_symlink() or file.is_file()
        except PermissionError:  # in a directory that we cannot enter
            return False
        return is_file and file.parent.resolve() == file.parent


def _ambiguous(revision: str, answer: _Answer) -> UsageError:
    if "refname" in answer.stderr:
        remedy = f"write it out, as refs/heads/{revision}, refs/tags/{revision} or refs/remotes/…"
    else:
        remedy = "write more digits of the commit"
    return UsageError(f"{revision!r} names more than one thing", remedy=remedy)


def _failure(command: str, answer: _Answer) -> MeasurementError:
    return MeasurementError(
        f"'git {command}' failed ({answer.complaint})",
        remedy="see what git says below, and try the same by hand",
        detail=answer.stderr.strip(),
    )


def _git(directory: Path, *arguments: str) -> _Answer:
    """Run one git command; return how it ended, whatever its status.

    It has a session of its own, so that Ctrl-C reaches it through us alone, and is over
    when this function is left.
    """
    try:
        import git as gitpython  # noqa: PLC0415 - its import runs git, and fails without
    except ImportError as error:
        raise _no_git() from error
    # GitPython can set variables but not unset them: env does. -C rather than GitPython's
    # working directory, which it leaves out in silence when it cannot be entered.
    settings = [word for setting in _CONFIGURATION for word in ("-c", setting)]
    command = [*_WITHOUT_LOCAL_VARIABLES, "git", "-C", str(directory), *settings, *arguments]
    try:
        running = gitpython.Git().execute(
            command, as_process=True, env=_ENVIRONMENT, start_new_session=True
        )
    except gitpython.GitCommandNotFound as error:
        raise _no_git() from error
    process: Any = running.proc  # None only after the runner has ended it
    with process:
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            end_group(process)
            raise
    if process.returncode == _COMMAND_NOT_FOUND:
        raise _no_git()
    return _Answer(process.returncode, os.fsdecode(stdout), stderr.decode(errors="replace"))


def _no_git() -> UsageError:
    return UsageError(
        "the program git is not on PATH", remedy="install it (https://git-scm.com/downloads)"
    )
