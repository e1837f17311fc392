"""Family A's error shape, for those who take its writes and those who answer its reads."""

from typing import Final

from fastapi.responses import JSONResponse

from feedmill.runtime.problem import Kind, Problem, shaped_route

MESSAGES: Final = {
    Kind.KEY_MISSING: (400, "Key is missing"),
    Kind.KEY_NOT_VALID: (401, "Key is not valid"),
    Kind.INTERNAL: (500, "Something wrong on our side, sorry"),
}
"""Where its status or text is not the Problem's own."""


def family_a_error(problem: Problem) -> JSONResponse:
    """`{"error": true, "message": …}`."""
    status, message = MESSAGES.get(problem.kind, (problem.kind.status, problem.detail))
    return JSONResponse({"error": True, "message": message}, status, problem.answer_headers)


FamilyARoute: Final = shaped_route(family_a_error)
"""`APIRouter(route_class=FamilyARoute)`: whatever goes wrong in it is answered in family A's shape."""
