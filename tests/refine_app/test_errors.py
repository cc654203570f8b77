import pytest

from agentsite.problem import STATUS_OF
from refine_app import errors
from sessions_app.errors import DomainError

CAUSES = [
    cause
    for cause in vars(errors).values()
    if isinstance(cause, type) and issubclass(cause, DomainError) and cause.__module__ == errors.__name__
]


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause is not errors.RefineError])
def test_every_error_has_a_status_of_its_own_fault(cause: type[DomainError]) -> None:
    assert 400 <= STATUS_OF[cause.code] < 500
