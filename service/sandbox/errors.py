"""What the sandbox refuses by itself."""

from __future__ import annotations

from service.errors import ServiceError


class NotHere(ServiceError):
    """There is no story or file of this name."""

    status = 404
    issue_code = "not-found"
