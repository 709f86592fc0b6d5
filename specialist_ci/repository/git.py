"""What we ask of the user's git repository: revisions, files and worktrees.

The only importer of GitPython, of which we use the runner of commands: git itself
answers every question, so that it means what it means on the user's command line.
"""

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from specialist_ci.errors import MeasurementError, UsageError
from specialist_ci.process import PIPE, end_group
from specialist_ci.process import running as running_in_any_thread

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
_SUBMODULE = "160000"  # its mode in a tree
_PYTHON_FILE = re.compile(r"[^/]\.py\Z")
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
class Answer:
    """How a git command ended, and what it wrote."""

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
        directory = found[1] if found else shlex.quote(str(path))
        raise UsageError(
            f"git does not trust the repository of {path}, which belongs to another user",
            remedy=f"run `git config --global --add safe.directory {directory}`",
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
    bare: bool = False
    """Whether root is the folder of git's own files, to be read without a checkout."""

    def has_commits(self) -> bool:
        """Tell whether HEAD is a commit: not so right after ``git init``."""
        return self.find("HEAD") is not None

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
        answer = self.ask("rev-parse", "--verify", peeled)
        commit = answer.stdout.strip()
        if "is ambiguous" in answer.stderr:  # of a name, git only warns
            raise _ambiguous(revision, answer)
        if answer.status == 0 and _OBJECT_ID.fullmatch(commit):
            return commit
        raise self._unresolved(revision)

    def tree(self, commit: str) -> str:
        """Return the id of the tree that is checked out for a commit."""
        return self._tell("rev-parse", "--verify", f"{commit}^{{tree}}").strip()

    def describe(self, revision: str) -> str:
        """Return a revision for people to read: its name and the start of its id.

        Raises ``UsageError`` as ``resolve`` does.
        """
        commit = self.resolve(revision)
        short = commit[:_ABBREVIATED]
        return short if commit.startswith(revision) else f"{revision} ({short})"

    def find(self, revision: str) -> str | None:
        """Return the id of the commit that a revision names, None where it is not here."""
        answer = self.ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return answer.stdout.strip() if answer.status == 0 else None

    def common_commit(self, base: str, head: str) -> tuple[str | None, tuple[str, ...]]:
        """Return the newest commit that two commits have in common, and what may hide a newer one.

        That is the part of a shallow clone's boundary that the commits reach without passing
        the common one; in a whole clone there is none.
        """
        answer = self.ask("merge-base", base, head)
        if answer.status not in (0, 1):
            raise _failure("merge-base", answer)
        common = answer.stdout.split()[0] if answer.status == 0 else None
        return common, self.boundary(base, head, *([f"^{common}"] if common else []))

    def boundary(self, *revisions: str) -> tuple[str, ...]:
        """Return the commits of a history whose parents a shallow clone lacks."""
        if not self.is_shallow():
            return ()
        cut = self._tell("rev-parse", "--git-path", "shallow").removesuffix("\n")
        known = set((self.root / cut).read_text(encoding="ascii").split())
        return tuple(one for one in self._tell("rev-list", *revisions).split() if one in known)

    def is_shallow(self) -> bool:
        """Tell whether a part of the history was not fetched."""
        return self._tell("rev-parse", "--is-shallow-repository").strip() == "true"

    def parents(self, commit: str) -> tuple[str, ...]:
        """Return the ids of a commit's parents, those that were not fetched included."""
        headers = self._tell("cat-file", "commit", commit).partition("\n\n")[0].splitlines()
        return tuple(line.removeprefix("parent ") for line in headers if line[:7] == "parent ")

    def remotes(self) -> list[str]:
        """Return the names of the remotes, the usual one first."""
        return sorted(self.ask("remote").stdout.split(), key=lambda name: name != "origin")

    def default_branch(self) -> str:
        """Return the branch that changes go to: the remote's, else the local one.

        Raises ``UsageError`` when it cannot be told.
        """
        for reference in self._default_branches():
            if self.find(reference) is not None:
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
        files = set(self._held(paths))
        return Changes(
            present=tuple(path for path in paths if path in files),
            deleted=tuple(path for path in paths if path not in files and path[-1] != "/"),
        )

    def is_dirty(self) -> bool:
        """Tell whether the working tree differs from HEAD."""
        return bool(self.changed_files())

    def differing(self, base: str, head: str | None) -> tuple[str, ...]:
        """Return the tracked files that differ between two commits, or base and working tree."""
        sides = (base,) if head is None else (base, head)
        options = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules")
        listed = self._tell("diff", *options, *sides, "--")
        return tuple(filter(None, listed.split("\0")))

    def python_files(self, commit: str | None) -> tuple[str, ...]:
        """Return the ``*.py`` files of a commit, or of the working tree, relative to the root.

        In the working tree: tracked and untracked files that exist, but no ignored ones.
        """
        return tuple(path for path in self.files(commit) if _PYTHON_FILE.search(path))

    def files(self, commit: str | None) -> tuple[str, ...]:
        """Return all files of a commit, or of the working tree, as ``python_files`` does."""
        if commit is None:
            return tuple(sorted(set(self._files_of_working_tree())))
        return _listing(self, commit).files

    def submodules(self, commit: str | None) -> Mapping[str, str]:
        """Return the commit that each submodule is pinned to, by path relative to the root.

        Those of a commit, or for None of the index.
        """
        if commit is not None:
            return _listing(self, commit).submodules
        staged = self._tell("ls-files", "-z", "--stage")
        records = (record.partition("\t") for record in staged.split("\0"))
        return {path: facts.split()[1] for facts, _, path in records if facts[:6] == _SUBMODULE}

    def submodule(self, path: str, commit: str | None) -> "Repository | None":
        """Return the repository of a submodule, where the user has it.

        That is its checkout, else what git keeps of it beside the repository's own objects.
        """
        place = self.root / path
        if (place / ".git").exists():
            return Repository(place)
        with self.reading(commit) as read:
            text = read(".gitmodules") or ""
        kept = Path(self._tell("rev-parse", "--git-common-dir").removesuffix("\n"))
        for name, where in _named_submodules(text):
            folder = self.root / kept / "modules" / name
            if where == path and ".." not in folder.parts and (folder / "HEAD").is_file():
                return Repository(folder, bare=True)
        return None

    def export(self, commit: str, directory: Path, index: Path) -> None:
        """Write the files of a commit, submodules excepted, into a directory.

        ``index`` is a file to work with that must not exist. Raises ``MeasurementError``.
        """
        kept = self._tell("rev-parse", "--absolute-git-dir").removesuffix("\n")
        directory.mkdir(parents=True, exist_ok=True)
        places = (f"--git-dir={kept}", f"--work-tree={directory}")
        answer = _git(directory, *places, "read-tree", "--reset", "-u", commit, index=index)
        if answer.status != 0:
            raise _failure("read-tree", answer)

    def read_text(self, commit: str | None, path: str) -> str | None:
        """Return one file's text as ``reading`` has it."""
        with self.reading(commit) as read:
            return read(path)

    @contextmanager
    def reading(self, commit: str | None) -> Iterator[Callable[[str], str | None]]:
        """Give the function that returns the text of a file, None where there is none.

        Files are those of a commit, or of the working tree; paths are relative to the root.
        Links inside the repository are followed. Bytes that are no UTF-8 are kept as surrogates.
        """
        if commit is None:
            yield self._read_from_working_tree
            return
        # One process for all files: a project may have thousands to look into.
        with _running(
            self.root, *self._places(), "cat-file", "--batch", "--follow-symlinks"
        ) as process:
            yield partial(_read_object, process, commit)

    def _read_from_working_tree(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None

    def large_files(self) -> tuple[str, ...]:
        """Return the tracked files of the checkout that are to be kept by Git LFS."""
        if (
            "filter=lfs"
            not in self.ask(
                "grep", "-h", "-F", "-e", "filter=lfs", "--", ":(glob)**/.gitattributes"
            ).stdout
        ):
            return ()
        # Where git does not trust the owner, it answers nothing.
        answer = self.ask("ls-files", "-z", "--", ":(attr:filter=lfs)")
        return tuple(filter(None, answer.stdout.split("\0")))

    def add_worktree(self, path: Path, commit: str) -> None:
        """Check out a commit, detached from any branch, in a new directory.

        The user's hooks do not run. Raises ``MeasurementError``.
        """
        answer = _git(
            *(self.root, "worktree", "add", "--quiet", "--detach", str(path), commit),
            stoppable=True,
        )
        if answer.status != 0:
            raise _failure("worktree", answer)

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
        answer = self.ask("worktree", "remove", "--force", "--force", str(path))
        if answer.status != 0 and "is not a working tree" not in answer.stderr:
            raise _failure("worktree remove", answer)

    def worktrees(self) -> tuple[Path, ...]:
        """Return the directories of all worktrees on record, whether or not they exist."""
        lines = self._tell("worktree", "list", "--porcelain").splitlines()
        prefix = "worktree "
        return tuple(Path(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))

    def ask(self, *arguments: str) -> Answer:
        """Run one git command in the checkout; return how it ended, whatever its status."""
        return _git(self.root, *self._places(), *arguments)

    def _places(self) -> tuple[str, ...]:
        """Return what keeps git from entering the checkout, which may be gone."""
        return ("--git-dir=.", "--work-tree=.") if self.bare else ()

    def _tell(self, *arguments: str) -> str:
        """Return the output of a command that has no reason to fail."""
        answer = self.ask(*arguments)
        if answer.status != 0:
            raise _failure(arguments[0], answer)
        return answer.stdout

    def _unresolved(self, revision: str) -> UsageError:
        """Return the reason why a revision names no commit."""
        if self.ask("rev-parse", "--verify", "--quiet", revision).status == 0:
            kind = self.ask("cat-file", "-t", revision).stdout.strip()
            if kind:
                return UsageError(
                    f"{revision!r} names a {kind}, not a commit",
                    remedy="name a commit, a branch or a tag of a commit",
                )
        if not self.ask("rev-list", "--max-count=1", "--all").stdout:
            return UsageError(
                f"{revision!r} is not known: {self.root} has no commits",
                remedy="make one with 'git commit'",
            )
        if revision == "HEAD":
            return UsageError(
                "the branch that is checked out has no commit yet",
                remedy="make one with 'git commit', or name both BASE and HEAD",
            )
        if self.is_shallow():
            return self._hidden(revision)
        return UsageError(
            f"{revision!r} is not known in {self.root}",
            remedy="look for it with 'git branch --all' and 'git tag', or run 'git fetch'",
        )

    def _hidden(self, revision: str) -> UsageError:
        """Return the error for a revision that a shallow clone lacks."""
        remotes = self.remotes()
        remote = remotes[0] if remotes else "origin"
        everything = f"--unshallow --tags {remote} '+refs/heads/*:refs/remotes/{remote}/*'"
        alone = f"--depth=1 {remote} {revision}"
        fetched = alone if _OBJECT_ID.fullmatch(revision) else everything
        remedy = f"run `git fetch {fetched}` (actions/checkout: fetch-depth: 0)"
        if not remotes:
            remedy = f"name what it was cloned from (`git remote add origin URL`), then {remedy}"
        return UsageError(f"this clone is shallow and does not have {revision!r}", remedy=remedy)

    def _default_branches(self) -> Iterator[str]:
        remote = self.ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        if remote.status == 0:
            yield remote.stdout.strip()
        yield "refs/remotes/origin/main"
        yield "refs/remotes/origin/master"
        configured = self.ask("config", "--get", "init.defaultBranch").stdout.strip()
        if configured:
            yield f"refs/heads/{configured}"
        yield "refs/heads/main"
        yield "refs/heads/master"

    def _files_of_working_tree(self) -> Iterator[str]:
        listed = self._tell("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return self._held(filter(None, listed.split("\0")))

    def _held(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the paths at which the checkout has a file or a symbolic link.

        A path that leads through a symbolic link is another file's, as git sees it.
        """
        root = str(self.root)

        @cache  # of tens of thousands of files, few are in folders of their own
        def is_real(folder: str) -> bool:
            return os.path.realpath(folder) == folder

        for path in paths:
            file = os.path.join(root, path)  # noqa: PTH118 - tens of thousands of them
            try:
                mode = os.lstat(file).st_mode
            except OSError:  # among them: in a directory that we cannot enter
                continue
            if (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) and is_real(os.path.dirname(file)):  # noqa: PTH120 - likewise
                yield path


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a commit's tree holds, by path; of submodules with their commits."""

    files: tuple[str, ...]
    submodules: Mapping[str, str]


@lru_cache(maxsize=4)  # a commit never changes, and a few questions are asked of each
def _listing(repository: Repository, commit: str) -> _Listing:
    answer = repository.ask("ls-tree", "-r", "-z", "--full-tree", commit)
    if answer.status != 0:
        raise _failure("ls-tree", answer)
    records = (record.partition("\t") for record in answer.stdout.split("\0"))
    found = [(facts.split(" "), path) for facts, _, path in records if path]  # mode, kind, id
    return _Listing(
        files=tuple(sorted(path for (_, kind, _), path in found if kind == "blob")),
        submodules={path: one for (mode, _, one), path in found if mode == _SUBMODULE},
    )


def _named_submodules(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and path of each submodule that a .gitmodules file has."""
    name = ""
    for line in text.splitlines():
        if section := re.fullmatch(r'\s*\[submodule "(.+)"\]\s*', line):
            name = section[1]
        elif name and (setting := re.fullmatch(r"\s*path\s*=\s*(.+?)\s*", line)):
            yield name, setting[1].strip('"')


def _ambiguous(revision: str, answer: Answer) -> UsageError:
    if "refname" in answer.stderr:
        remedy = f"write it out, as refs/heads/{revision}, refs/tags/{revision} or refs/remotes/…"
    else:
        remedy = "write more digits of the commit"
    return UsageError(f"{revision!r} names more than one thing", remedy=remedy)


def _failure(command: str, answer: Answer) -> MeasurementError:
    return MeasurementError(
        f"'git {command}' failed ({answer.complaint})",
        remedy="see what git says below, and try the same by hand",
        detail=answer.stderr.strip(),
    )


def _git(
    directory: Path, *arguments: str, index: Path | None = None, stoppable: bool = False
) -> Answer:
    """Run one git command; return how it ended, whatever its status.

    It has a session of its own, so that Ctrl-C reaches it through us alone, and is over
    when this function is left. What takes long is ``stoppable`` from other threads too.
    """
    with (
        _running(directory, *arguments, index=index) as process,
        running_in_any_thread(process) if stoppable else nullcontext(),
    ):
        stdout, stderr = process.communicate()
    if process.returncode == _COMMAND_NOT_FOUND:
        raise _no_git()
    return Answer(process.returncode, os.fsdecode(stdout), stderr.decode(errors="replace"))


@contextmanager
def _running(directory: Path, *arguments: str, index: Path | None = None) -> Iterator[Any]:
    """Start one git command that reads a pipe, and see it end when the block is left.

    It has a session of its own, so that Ctrl-C reaches it through us alone.
    """
    try:
        import git as gitpython  # noqa: PLC0415 - its import runs git, and fails without
    except ImportError as error:
        raise _no_git() from error
    # GitPython can set variables but not unset them: env does. -C rather than GitPython's
    # working directory, which it leaves out in silence when it cannot be entered.
    settings = [word for setting in _CONFIGURATION for word in ("-c", setting)]
    own = [f"GIT_INDEX_FILE={index}"] if index else []
    git = ["git", "-C", str(directory), *settings, *arguments]
    command = [*_WITHOUT_LOCAL_VARIABLES, *own, *git]
    try:
        running = gitpython.Git().execute(
            command,
            as_process=True,
            env=_ENVIRONMENT,
            start_new_session=True,
            istream=PIPE,
        )
    except gitpython.GitCommandNotFound as error:
        raise _no_git() from error
    process: Any = running.proc  # None only after the runner has ended it
    with process:
        try:
            yield process
        except BaseException:
            end_group(process)
            raise


def _read_object(process: Any, commit: str, path: str) -> str | None:  # noqa: ANN401 - see _running
    """Ask a running ``git cat-file --batch --follow-symlinks`` for a file of a commit."""
    # A newline would end the question, and what leads out of the repository ends git.
    if "\n" in path or ".." in path.split("/"):
        return None
    try:
        process.stdin.write(os.fsencode(f"{commit}:{path}\n"))
        process.stdin.flush()
        head = process.stdout.readline()
    except BrokenPipeError:
        head = b""
    if not head.endswith(b"\n"):
        raise MeasurementError(
            f"git ended while it read {path}", remedy="see whether 'git fsck' finds damage"
        )
    # "ID KIND SIZE" comes before a content, "WHY SIZE" before the target of a bad link.
    facts = head.split()
    if facts[-1] in (b"missing", b"ambiguous") or not facts[-1].isdigit():
        return None
    content = process.stdout.read(int(facts[-1]) + 1)[:-1]
    return os.fsdecode(content) if facts[-2] == b"blob" else None


def _no_git() -> UsageError:
    return UsageError(
        "the program git is not on PATH", remedy="install it (https://git-scm.com/downloads)"
    )
