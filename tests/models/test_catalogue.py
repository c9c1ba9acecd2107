import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from m2agent.errors import SetupError
from m2agent_models.catalogue import CATALOGUE, find, first_file, recommended
from m2agent_models.engine.machine import Machine
from m2agent_models.pull import Part, fetch, pull

GB = 1_000_000_000
CONTENT = bytes(range(256)) * 40_000


class Site(ThreadingHTTPServer):
    """A server of one file, with what was asked of it."""

    listing: str = "[]"
    ranges = True
    cut_after: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    @property
    def site(self) -> Site:
        assert isinstance(self.server, Site)
        return self.server

    def do_GET(self) -> None:
        begin = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        self.site.asked.append(f"{self.path.partition('?')[0]} {begin}")
        if self.path.startswith("/api/"):
            self._send(200, self.site.listing.encode())
        elif not self.site.ranges or begin == "0":
            self._send(200, CONTENT)
        else:
            self._send(206, CONTENT[int(begin) :])

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.site.cut_after])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def part(site: Site) -> Part:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return Part(f"{site.url}/big.gguf", "big.gguf", len(CONTENT), sha256)


def ignore(done: int, total: int) -> None:
    pass


def test_what_was_fetched_is_whole_and_was_shown_on_the_way(tmp_path: Path, part: Part) -> None:
    shown: list[tuple[int, int]] = []
    path = fetch([part], tmp_path, lambda done, total: shown.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert [file.name for file in tmp_path.iterdir()] == ["big.gguf"]


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    tmp_path: Path, site: Site, part: Part
) -> None:
    site.cut_after = 3_000_000
    with pytest.raises(SetupError, match="what was fetched is kept"):
        fetch([part], tmp_path, ignore)
    have = (tmp_path / "big.gguf.part").stat().st_size
    site.cut_after = None
    assert fetch([part], tmp_path, ignore).read_bytes() == CONTENT
    assert 0 < have <= 3_000_000
    assert site.asked == ["/big.gguf 0", f"/big.gguf {have}"]


def test_a_server_without_ranges_sends_it_all_again(tmp_path: Path, site: Site, part: Part) -> None:
    (tmp_path / "big.gguf.part").write_bytes(CONTENT[:1000])
    site.ranges = False
    assert fetch([part], tmp_path, ignore).read_bytes() == CONTENT


def test_another_content_is_not_kept(tmp_path: Path, part: Part) -> None:
    (tmp_path / "big.gguf.part").write_bytes(b"\0" * 1000)
    with pytest.raises(SetupError, match="its SHA-256 is another"):
        fetch([part], tmp_path, ignore)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_again(tmp_path: Path, site: Site, part: Part) -> None:
    (tmp_path / "big.gguf").write_bytes(CONTENT)
    fetch([part], tmp_path, ignore)
    assert site.asked == []


def test_a_full_disk_is_found_before_anything_is_fetched(
    tmp_path: Path, site: Site, part: Part
) -> None:
    huge = Part(part.url, part.name, 10**18, part.sha256)
    with pytest.raises(SetupError, match="GB to spare"):
        fetch([huge], tmp_path, ignore)
    assert site.asked == []


def test_a_model_in_parts_is_fetched_by_its_quantization(tmp_path: Path, site: Site) -> None:
    lfs = {"size": len(CONTENT), "oid": hashlib.sha256(CONTENT).hexdigest()}
    names = [
        "UD-IQ4_XS/MiniMax-M2.7-UD-IQ4_XS-00002-of-00002.gguf",
        "UD-IQ4_XS/MiniMax-M2.7-UD-IQ4_XS-00001-of-00002.gguf",
        "MiniMax-M2.7-UD-IQ4_XS_L.gguf",
        "Q8_0/MiniMax-M2.7-Q8_0-00001-of-00005.gguf",
        "README.md",
    ]
    site.listing = json.dumps([{"type": "file", "path": name, "lfs": lfs} for name in names])
    path = pull("m2.7-iq4-xs", tmp_path, ignore, site=site.url)
    assert path.name == "m2.7-iq4-xs-00001-of-00002.gguf"
    assert len(list(tmp_path.iterdir())) == 2
    assert first_file(tmp_path, "m2.7-iq4-xs") == path
    assert sorted(asked.split("/")[-1] for asked in site.asked[1:]) == [
        "MiniMax-M2.7-UD-IQ4_XS-00001-of-00002.gguf 0",
        "MiniMax-M2.7-UD-IQ4_XS-00002-of-00002.gguf 0",
    ]


def test_a_model_of_which_a_part_is_missing_is_not_here(tmp_path: Path) -> None:
    first, second = (tmp_path / f"big-0000{n}-of-00002.gguf" for n in (1, 2))
    first.touch()
    assert first_file(tmp_path, "big") is None
    second.touch()
    assert first_file(tmp_path, "big") == first


def test_a_release_without_the_dynamic_form_has_the_plain_one(tmp_path: Path, site: Site) -> None:
    lfs = {"size": len(CONTENT), "oid": hashlib.sha256(CONTENT).hexdigest()}
    listed = {"type": "file", "path": "IQ4_XS/MiniMax-M2.1-IQ4_XS.gguf", "lfs": lfs}
    site.listing = json.dumps([listed])
    assert pull("m2.1-iq4-xs", tmp_path, ignore, site=site.url).name == "m2.1-iq4-xs.gguf"


def test_a_quantization_that_is_gone_is_named(tmp_path: Path, site: Site) -> None:
    with pytest.raises(SetupError, match=r"has no UD-IQ4_XS any more"):
        pull("m2.7-iq4-xs", tmp_path, ignore, site=site.url)


@pytest.mark.parametrize(
    ("machine", "name", "verdict"),
    [
        (Machine(128 * GB, 16, "RTX 4090", 24 * GB), "m2.7-iq4-xs", "fits with offload"),
        (Machine(128 * GB, 16, "RTX 4090", 24 * GB), "qwen3-30b", "fits"),
        (Machine(128 * GB, 32, "6 x RTX 3090", 144 * GB), "m2.7-iq4-xs", "fits"),
        (Machine(192 * GB, 24, "M3", 144 * GB, unified=True), "m2.7-iq4-xs", "fits"),
        (Machine(192 * GB, 24, "M3", 144 * GB, unified=True), "m2.7-q8-0", "does not fit"),
        (Machine(16 * GB, 8), "m2.7-iq2-m", "does not fit"),
        (Machine(128 * GB, 8), "m2.7-iq2-m", "fits on the CPU"),
        (Machine(8 * GB, 2), "starter", "fits on the CPU"),
    ],
)
def test_the_verdict_counts_weights_context_and_what_is_computed_in(
    machine: Machine, name: str, verdict: str
) -> None:
    assert find(name).verdict(machine) == verdict


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (Machine(512 * GB, 24, "M3 Ultra", 384 * GB, unified=True), "m2.7-q8-0"),
        (Machine(128 * GB, 16, "RTX 4090", 24 * GB), "m2.7-iq4-xs"),
        (Machine(32 * GB, 8), "qwen3-30b"),
        (Machine(8 * GB, 4), "qwen3-4b"),
        (Machine(2 * GB, 2), "starter"),
    ],
)
def test_what_is_recommended_runs_here(machine: Machine, name: str) -> None:
    assert recommended(machine).name == name


def test_sizes_are_those_of_the_files_there_are() -> None:
    published = {"m2.7-iq4-xs": 108, "m2.7-iq3-xxs": 80, "m2.7-iq2-m": 70, "m2.7-q8-0": 243}
    assert {name: round(find(name).size / GB) for name in published} == published
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
