"""Run this stage as several processes, and know which of them this is."""

import os
import shlex
import subprocess

from stages.common.errors import UserError
from stages.common.parent import ENDS_WITH

RANK, WORLD_SIZE = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # as launchers set them
LAUNCHED = "TRAIN_LORA_LAUNCHED"  # tells the processes that a launcher starts to train, not to launch


def launch(launcher: str) -> None:
    """Run this stage under a launcher of several processes, which `torchrun` and `accelerate launch` are.

    Raises:
        UserError: when it fails; what failed stands above.
    """
    command = [*shlex.split(launcher), "-m", "stages.train_lora"]
    environment = {**os.environ, LAUNCHED: "1", ENDS_WITH: str(os.getpid())}
    try:
        status = subprocess.run(command, check=False, env=environment).returncode
    except OSError as error:
        raise UserError(f"train.launcher: {launcher} can't be run: {error.strerror}") from error
    if status:
        raise UserError(f"train.launcher: `{shlex.join(command)}` failed with status {status}; see above")
