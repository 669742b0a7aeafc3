from __future__ import annotations

from datetime import datetime

import pytest

from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.neighbour import NeighbourCodec


@pytest.fixture(scope="session")
def codec():
    return Codec(BusinessClock(datetime(2024, 6, 3), 60.0))


@pytest.fixture(scope="session")
def neighbour():
    return NeighbourCodec(BusinessClock(datetime(2024, 6, 3), 60.0))
