"""Publish the exported model on the Hugging Face Hub, with its card.

Run: python -m sharing.publish OWNER/NAME [--dry-run] [--private] [--gated auto|manual]
"""

import argparse
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id
from ruamel.yaml import YAML

from predict.errors import PredictError
from predict.manifest import file_sha256, read_manifest
from stages.common.errors import MissingInput, UserError, run
from stages.common.references import hub_answers

ARTIFACT = "text-classifier"  # its name in dvc.yaml


def main() -> None:
    """Make the repository if there is none, and let it hold the files of the export and no others.

    Raises:
        UserError: when the export is not whole, or the Hub can't be reached or refuses.
    """
    arguments = parse_arguments()
    try:
        validate_repo_id(arguments.repository)
    except HFValidationError as error:
        raise UserError(f"{arguments.repository!r} is no name of a Hub repository: {error}") from error
    folder = Path(YAML(typ="safe").load(Path("dvc.yaml"))["artifacts"][ARTIFACT]["path"])
    files = exported_files(folder)
    show(arguments.repository, folder, files)
    if not arguments.dry_run:
        print(f"published: {upload(arguments, folder, files)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sharing.publish", description="Publish the export on the Hub.")
    parser.add_argument("repository", metavar="OWNER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="list what would go, and send nothing")
    parser.add_argument("--private", action="store_true", help="make the repository private, if it is new")
    parser.add_argument("--gated", choices=("auto", "manual"), help="let those who want the model ask for it")
    return parser.parse_args()


def exported_files(folder: Path) -> list[str]:
    """Return the names of an export's files, which are as the export stage left them.

    Raises:
        UserError: naming a file that is missing or changed.
    """
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise MissingInput(f"{folder} is not there: `dvc repro` makes it, or `dvc pull` gets it")
    remedy = f"`dvc checkout --force {folder}` restores it"
    try:
        files = read_manifest(folder)["files"]
    except PredictError as error:
        raise UserError(f"{str(error).partition(':')[0]}: {remedy}") from error
    for name, entry in files.items():
        path = folder / name
        if not path.exists() or file_sha256(path) != entry["sha256"]:
            raise UserError(f"{path} is missing or not as it was exported: {remedy}")
    return [*files, manifest.name]


def show(repository: str, folder: Path, files: list[str]) -> None:
    """Say what goes and how large it is, and what stays."""
    sizes = {name: (folder / name).stat().st_size / 1e6 for name in files}
    print(f"{repository} at {constants.ENDPOINT}:")
    for name, megabytes in sizes.items():
        print(f"{megabytes:10.3f} MB  {name}")
    print(f"{sum(sizes.values()):10.3f} MB  in {len(files)} files")
    found = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    if others := [name for name in found if name not in files]:
        print(f"not part of the export, and not sent: {', '.join(others)}")
    sys.stdout.flush()  # an error comes after it, in a file or a pipe, too


def upload(arguments: argparse.Namespace, folder: Path, files: list[str]) -> str:
    """Send the files in one commit; return the address of the repository.

    Raises:
        UserError: when the Hub can't be reached or refuses.
    """
    if constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE is set: unset it to publish")
    if not get_token():
        raise UserError("publishing needs a token of the Hub: `hf auth login`, or set HF_TOKEN")
    if not hub_answers():
        raise UserError(f"{constants.ENDPOINT} does not answer: publish again with a network")
    api, repository = HfApi(), arguments.repository
    try:
        url = api.create_repo(repository, private=arguments.private or None, exist_ok=True)
        if arguments.gated:
            api.update_repo_settings(repository, gated=arguments.gated)
        message = f"Export of {source_commit()}"
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message=message, allow_patterns=files, delete_patterns="*"
        )
    except HfHubHTTPError as error:
        reason = error.server_message or " ".join(str(error).split())
        raise UserError(f"the Hub refuses {repository}: {reason[:300]}") from error
    except Exception as error:  # the Hub client raises many unrelated types
        raise UserError(f"{repository} could not be sent: {' '.join(str(error).split())[:300]}") from error
    return str(url)


def source_commit() -> str:
    """Return the commit that is checked out."""
    command = ["git", "describe", "--always", "--dirty", "--tags"]
    return subprocess.run(command, text=True, capture_output=True).stdout.strip() or "an unknown commit"


if __name__ == "__main__":
    run(main)
