from msgspec.structs import replace

from orak.domain.errors import Problem, ProblemCode


def on_the_wire(problem: Problem) -> Problem:
    """Return *problem* with the field's name in camelCase, as HTTP names it.

    A name that HTTP gave itself stays: a header, a parameter, or an unknown field that the client sent.
    """
    if problem.code is ProblemCode.UNKNOWN_FIELD:
        return problem
    first, *rest = problem.field.split("_")
    return replace(problem, field=first + "".join(word.capitalize() for word in rest))
