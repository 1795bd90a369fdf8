"""One build of the images for all of their tests: it takes half a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet import __version__
from tests.support.images import Images, images


@pytest.fixture(scope="session")
def built() -> Iterator[Images]:
    with images(__version__) as engine:
        yield engine
