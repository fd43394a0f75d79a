"""The stages and the program load where there is no fcntl, no resource and no glibc."""

import subprocess
import sys

from tiny import REPOSITORY

PROGRAM = """
import builtins, ctypes, importlib, os, sys
from pathlib import Path

HIDDEN = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "syslog"}
plain_import = builtins.__import__

def import_what_windows_has(name, globals=None, *rest, **named):
    ours = ((globals or {}).get("__name__") or "").split(".")[0] in ("predict", "scoring", "stages")
    if ours and name in HIDDEN:
        raise ImportError(f"{globals['__name__']} imports {name}")
    return plain_import(name, globals, *rest, **named)

builtins.__import__ = import_what_windows_has
paths = [path for package in ("predict", "scoring", "stages") for path in Path(package).rglob("*.py")]
for path in paths:
    importlib.import_module(str(path.with_suffix("")).replace(os.sep, "."))
print(len(paths))

from stages.common import memory
memory.sys = type("System", (), {"platform": "win32"})
memory.ctypes = None
memory.keep_freed_memory()
memory.give_back_freed_memory()
"""


def test_every_module_loads_without_what_windows_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60
