from __future__ import annotations

import pytest
from support.chain import Chain


@pytest.fixture
def chain() -> Chain:
    return Chain()
