"""How large a batch may be."""

from orak.domain.errors import Problem, ProblemCode

MAX_BATCH_SIZE = 1000


def batch_size_problem(field: str, size: int | None) -> Problem | None:
    """Return what is wrong with a batch size.

    It is missing, not positive, or above `MAX_BATCH_SIZE`.
    """
    if size is None:
        return Problem(field, ProblemCode.REQUIRED)
    if size < 1:
        return Problem(field, ProblemCode.NOT_POSITIVE)
    if size > MAX_BATCH_SIZE:
        return Problem(field, ProblemCode.TOO_LARGE, MAX_BATCH_SIZE)
    return None
