"""Data, models and experiments reach a colleague by a bucket or a server, and a bare Git repository."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from people import Team, follow, tutorial
from tiny import Clone

EXPERIMENT = "Hand over one experiment"
RANK = {"lora.r=4": "lora.r=8"}  # what Ann's cache holds: the test need not train


def publish_remote(ann: Clone) -> None:
    ann.run("git", "commit", "--quiet", "--message", "The team's remote", ".dvc/config")
    ann.run("git", "push", "--quiet")


def hand_over(ann: Clone, team: Team) -> None:
    """Send an experiment of Ann's to Ben, who has then nothing to run."""
    hers, his = tutorial(EXPERIMENT, RANK)
    follow(ann, hers)
    ben = team.joins("ben")
    ben.run("make", "remote")  # installs what the remote needs, which is here already
    assert "rank-4" in follow(ben, his)
    assert ben.run("dvc", "repro").count("didn't change, skipping") == 6
    assert ben.read("metrics/evaluate.json") == ann.read("metrics/evaluate.json")


@pytest.mark.nightly
def test_an_experiment_reaches_a_colleague_through_s3(ann: Clone, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("moto.server", reason="needs an S3 server: make tools").ThreadedMotoServer(port=0)
    boto3 = pytest.importorskip("boto3", reason="needs DVC's S3 extra: make tools")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="models")
        follow(ann, tutorial("Share data and models", {"http://minio.example.com:9000": address})[1])
        publish_remote(ann)
        hand_over(ann, team)
        stored = boto3.client("s3", endpoint_url=address).list_objects_v2(Bucket="models")["Contents"]
        assert all(item["Key"].startswith("reviews/") for item in stored)
    finally:
        server.stop()


@pytest.mark.nightly
def test_an_experiment_reaches_a_colleague_through_ssh(ann: Clone, team: Team, tmp_path: Path) -> None:
    asyncssh = pytest.importorskip("asyncssh", reason="needs DVC's SSH extra: make tools")
    key, key_path = asyncssh.generate_private_key("ssh-ed25519"), tmp_path / "key"
    key.write_private_key(key_path)
    key.write_public_key(tmp_path / "authorized")
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def listen() -> Any:
        keys = {"server_host_keys": [key], "authorized_client_keys": str(tmp_path / "authorized")}
        return await asyncssh.listen("127.0.0.1", 0, sftp_factory=True, **keys)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        url = f"ssh://ann@127.0.0.1:{server.get_port()}{team.storage}"
        follow(ann, tutorial("Share data and models", {"s3://models/reviews": url})[1].splitlines()[0])
        ann.run("dvc", "remote", "modify", "storage", "keyfile", str(key_path))
        publish_remote(ann)
        hand_over(ann, team)
        assert (team.storage / "files/md5").is_dir()
    finally:
        loop.call_soon_threadsafe(loop.stop)
