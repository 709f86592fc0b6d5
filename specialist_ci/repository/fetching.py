"""Gets commits that a clone lacks from its remote, with no more history than is needed.

Only objects come in, and in a shallow clone its boundary moves back: no branch, tag or
remote-tracking branch of the user's moves.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from specialist_ci.errors import UsageError
from specialist_ci.repository.git import Repository

_REVISION = re.compile(r"(?P<name>\w[^\s~^:?*\[\\]*)(?P<steps>(?:[~^]\d*)*)")
_STEP = re.compile(r"([~^])(\d*)")
_WHOLE_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FIRST_DEPTH = 32  # commits that a shallow history is continued by; then twice as many each time


@dataclass(frozen=True, slots=True)
class Fetching:
    """Answers as the repository does, after it has fetched what is missing.

    ``say`` is told of each fetch, which may take long.
    """

    repository: Repository
    say: Callable[[str], None]

    def resolve(self, revision: str) -> str:
        """Return the id of the commit that a revision names.

        Raises ``UsageError`` where neither the repository nor a remote has it.
        """
        try:
            return self.repository.resolve(revision)
        except UsageError as error:
            found = _REVISION.fullmatch(revision)
            if found is None or self.repository.find(revision) is not None:
                raise
            return self._fetched(found["name"], found["steps"], error)

    def default_branch(self) -> tuple[str, str]:
        """Return the name of the branch that changes go to, and its newest commit.

        Raises ``UsageError`` when it cannot be told.
        """
        try:
            name = self.repository.default_branch()
            return name, self.repository.resolve(name)
        except UsageError:
            for remote in self.repository.remotes():
                told = self.repository.ask("ls-remote", "--symref", remote, "HEAD").stdout
                branch = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", told, re.MULTILINE)
                if branch:
                    return f"{remote}/{branch[1]}", self.resolve(f"{remote}/{branch[1]}")
            raise

    def merge_base(self, base: str, head: str, named: tuple[str, str]) -> str:
        """Return the newest commit that two commits, named so, have in common.

        A shallow history is continued until that is certain. Raises ``UsageError`` when
        there is none, or it cannot be fetched.
        """
        depth = _FIRST_DEPTH
        while True:
            common, hidden = self.repository.common_commit(base, head)
            if not hidden:
                if common is not None:
                    return common
                raise UsageError(
                    f"{named[0]} and {named[1]} have no common commit",
                    remedy=f"compare them directly, as {named[0]}..{named[1]}",
                )
            self.say(f"fetching history for the merge base of {named[0]} and {named[1]}")
            why = self._deepen(hidden, depth)
            if why is not None:
                raise UsageError(
                    f"this clone is shallow, and hides the merge base of {named[0]} and "
                    f"{named[1]} ({why})",
                    remedy="run 'git fetch --unshallow' (actions/checkout: fetch-depth: 0)",
                )
            depth *= 2

    # --- what is missing ---

    def _fetched(self, name: str, steps: str, error: UsageError) -> str:
        """Fetch the commit that has a name, then as much as the steps back from it need."""
        start = self.repository.find(name)
        if start is None:
            start = self._fetched_by_name(name, error)
        if not steps:
            return start
        whole = f"{start}{steps}"
        hidden = self.repository.boundary(start)
        if self.repository.find(whole) is None and hidden:
            self.say(f"fetching the history of {name}")
            # ^2 is one step to another parent, ~2 are two steps.
            count = sum(int(n or 1) if s == "~" else 1 for s, n in _STEP.findall(steps))
            self._deepen(hidden, count)
        commit = self.repository.find(whole)
        if commit is None:
            raise error
        return commit

    def _fetched_by_name(self, name: str, error: UsageError) -> str:
        why = []
        for remote in self.repository.remotes():
            wanted = self._id_at(remote, name)
            if wanted is None:
                continue
            self.say(f"fetching {name} from {remote}")
            # Without a depth it would bring all of the history that a shallow clone avoids;
            # with one, a clone that has all of its history would be cut off there.
            options = ("--depth=1",) if self.repository.is_shallow() else ()
            answer = self._fetch(remote, *options, wanted)
            if self.repository.find(wanted) is not None:
                return wanted
            why.append(f"{remote}: {answer}")
        if not why:
            raise error
        raise UsageError(
            f"{name} is not in this clone and cannot be fetched ({'; '.join(why)})",
            remedy=error.remedy,
        ) from error

    def _id_at(self, remote: str, name: str) -> str | None:
        """Return the id of the commit that a remote has under a name."""
        if _WHOLE_ID.fullmatch(name):
            return name
        plain = name.removeprefix("refs/remotes/").removeprefix(f"{remote}/")
        patterns = [f"refs/heads/{plain}", f"refs/tags/{plain}^{{}}", f"refs/tags/{plain}"]
        if plain.startswith("refs/"):
            patterns = [f"{plain}^{{}}", plain]
        told = self.repository.ask("ls-remote", remote, *patterns).stdout
        lines = (line.partition("\t") for line in told.splitlines())
        found = {reference: commit for commit, _, reference in lines}
        return next((found[pattern] for pattern in patterns if pattern in found), None)

    def _deepen(self, boundary: tuple[str, ...], depth: int) -> str | None:
        """Continue the history behind a shallow boundary; return why not, None if it was."""
        why = "it has no remote"
        for remote in self.repository.remotes():
            before = self.repository.boundary(*boundary)
            why = self._fetch(remote, f"--deepen={depth}", *boundary)
            if self.repository.boundary(*boundary) != before:
                return None
        return why

    def _fetch(self, remote: str, *arguments: str) -> str:
        """Fetch objects and nothing else; return what git complains of."""
        return self.repository.ask(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            remote,
            *arguments,
        ).complaint
