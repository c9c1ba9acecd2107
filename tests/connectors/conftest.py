"""Fixtures of the connectors' tests."""

from collections.abc import AsyncGenerator

import pytest


@pytest.fixture
async def mailboxes_closed() -> AsyncGenerator[None]:
    """Whatever the test opens through mail_scene is closed after it."""
    from mail_scene import AFTERWARDS

    yield
    await AFTERWARDS.aclose()
