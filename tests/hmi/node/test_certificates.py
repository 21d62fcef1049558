"""`manage.py node certificates`: what it makes serves two nodes and their witness, and can be renewed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from django.core.management import call_command
from django.core.management.base import CommandError

from hmi.node.certificates import make
from redundancy.config import ConfigError
from redundancy.link.tls import Papers
from tests.ports import free_port
from tests.redundancy.link_ends import Ear, dialing, listening
from tests.waiting import until

NODES = ["primary-master", "primary-backup", "the third vote"]


async def test_two_nodes_find_each_other_with_what_was_made_for_them(tmp_path: Path) -> None:
    made = make(tmp_path, NODES, 30)
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = (Papers(made[name]) for name in NODES[:2])
    async with listening(port, there, papers=theirs), dialing(port, here, papers=mine):
        await until(lambda: here.ups == ["primary-backup"] and there.ups == ["primary-master"])
    assert not here.heard + there.heard


async def test_renewed_certificates_serve_beside_the_old_ones(tmp_path: Path) -> None:
    old = make(tmp_path, NODES, 30)
    before = Path(old["primary-master"].certificate).read_bytes()
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = (Papers(old[name]) for name in NODES[:2])
    async with listening(port, there, papers=theirs):
        assert make(tmp_path, ["primary-master"], 60) == {"primary-master": old["primary-master"]}
        assert Path(old["primary-master"].certificate).read_bytes() != before
        async with dialing(port, here, papers=mine) as dialer:
            await until(lambda: dialer.is_up)


async def test_a_node_of_another_plant_is_refused(tmp_path: Path) -> None:
    port, here, there = free_port(), Ear(), Ear()
    theirs = Papers(make(tmp_path / "one", NODES, 30)["primary-backup"])
    mine = Papers(make(tmp_path / "two", NODES, 30)["primary-master"])
    async with listening(port, there, papers=theirs), dialing(port, here, papers=mine):
        await until(lambda: here.told)
    assert "is not accepted" in here.told[0]


def test_keys_are_readable_by_their_owner_only_and_the_authority_s_stays(tmp_path: Path) -> None:
    make(tmp_path, NODES, 30)
    for key in (tmp_path / "ca.key", *tmp_path.glob("*/key.pem")):
        assert key.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in (tmp_path / NODES[0]).iterdir()} == {"ca.pem", "certificate.pem", "key.pem"}


def test_a_certificate_names_its_node_and_lasts_as_long_as_was_said(tmp_path: Path) -> None:
    files = make(tmp_path, ["Zentrale Süd"], 30)["Zentrale Süd"]
    certificate = x509.load_pem_x509_certificate(Path(files.certificate).read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=Zentrale Süd"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 31


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ("", "no name"),
        ("x" * 65, "no name of 1 to 64 characters"),
        ("a\nb", "no name"),
        ("../a", "name of a folder"),
        (".a", "name of a folder"),
        ("ca.key", "name of a folder"),
    ],
)
def test_a_name_that_can_t_be_certified_is_refused_and_nothing_is_made(
    tmp_path: Path, node: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        make(tmp_path / "new", ["a", node], 30)
    assert not (tmp_path / "new").exists()


def test_half_an_authority_is_not_replaced(tmp_path: Path) -> None:
    make(tmp_path, ["a"], 30)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(ConfigError, match="an authority is both"):
        make(tmp_path, ["a"], 30)
    make(tmp_path / "other", ["a"], 30)
    (tmp_path / "other" / "ca.key").rename(tmp_path / "ca.key")
    with pytest.raises(ConfigError, match="is not the key of"):
        make(tmp_path, ["a"], 30)
    (tmp_path / "ca.key").write_text("nonsense")
    with pytest.raises(ConfigError, match="can't be read"):
        make(tmp_path, ["a"], 30)


def test_the_command_says_what_to_do_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("node", "certificates", "--dir", str(tmp_path), *NODES)
    out = capsys.readouterr().out
    for node in NODES:
        assert f"{node}: copy {tmp_path / node} to its machine" in out
    assert "ca.key signs for any node" in out
    with pytest.raises(CommandError, match="no certificates: days: must be between 1 and 7300"):
        call_command("node", "certificates", "--dir", str(tmp_path), "--days", "0", "a")
