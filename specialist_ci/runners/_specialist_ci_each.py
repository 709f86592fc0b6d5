"""Runs scripts one after the other, each in a process of its own: SCRIPT... [-- ARGUMENT...].

What does not end in .py is a module to run, as by -m.
"""

import subprocess
import sys


def main(words: list[str]) -> int:
    """Give each script the arguments; return the status of the first that fails, or 0."""
    place = words.index("--") if "--" in words else len(words)
    for script in words[:place]:
        named = [script] if script.endswith(".py") else ["-m", script]
        done = subprocess.run([sys.executable, *named, *words[place + 1 :]], check=False)
        if done.returncode != 0:
            sys.stderr.write(f"{script} ended with status {done.returncode}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
