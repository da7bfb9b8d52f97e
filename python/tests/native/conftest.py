import contextlib

import pytest
import session as harness


@pytest.fixture(scope="module")
def shared():
    """A session for tests that leave nothing behind."""
    with contextlib.closing(harness.Session()) as session:
        yield session


@pytest.fixture
def session():
    """A session of the test's own."""
    with contextlib.closing(harness.Session()) as session:
        yield session


@pytest.fixture(scope="module")
def lane(shared):
    """A lane of the shared session."""
    return shared.lane()


@pytest.fixture
def np(lane):
    """The source that imports numpy, where the worker has it."""
    source = "__import__('numpy')"
    try:
        harness.evaluate(lane, source)
    except harness.ProtocolError:
        pytest.skip("the worker has no numpy")
    return source
