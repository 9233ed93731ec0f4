import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from dmsearch import embedded


def make_home() -> embedded.Home:
    """A state folder that every account can pass through, as one in /srv would be."""
    above = Path(tempfile.mkdtemp(prefix="dms-"))
    above.chmod(0o755)
    return embedded.Home(above / "home")


def delete(home: embedded.Home) -> None:
    embedded.remove(home)
    shutil.rmtree(home.path.parent, ignore_errors=True)


def up(home: embedded.Home, **options) -> list[str]:
    """Start servers without the care for power cuts, which makes tests wait for the disk."""
    return embedded.up(home, durable=False, **options)


@pytest.fixture
def empty_home():
    """A state folder with nothing in it yet; what is started in it ends with the test."""
    made = make_home()
    yield made
    delete(made)


@pytest.fixture(scope="session")
def used_home():
    """A state folder whose servers were up once, and are down."""
    made = make_home()
    up(made)
    embedded.down(made)
    yield made
    delete(made)


@pytest.fixture
def home(empty_home, used_home):
    """A copy of the used one: making a database cluster takes most of the time of a first start."""
    subprocess.run(["cp", "-a", used_home.path, empty_home.path], check=True)
    return empty_home


@pytest.fixture(scope="module")
def running():
    """A state folder whose servers are up, for all tests of a module."""
    made = make_home()
    up(made, die_with_parent=True)
    yield made
    delete(made)
