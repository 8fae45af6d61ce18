"""What an answer looks like, a good one and a refusal."""

import time
import uuid


class Refusal(Exception):
    """An answer that is an error: {"errors": [...]}, or a body of its own."""

    def __init__(self, status, *errors, body=None):
        super().__init__(status, errors)
        self.status = status
        self.body = {"errors": list(errors)} if body is None else body


def denied():
    return Refusal(403, "permission denied")


def answer(**fields):
    whole = {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": None,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }
    whole.update(fields)
    return whole


def seconds(value):
    """As the API takes durations: 90, "90", "90s", "2m", "1h"."""
    text = str(value or 0)
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1])
    return int(text[:-1]) * unit if unit else int(text)


def stamp(at=None):
    at = time.time() if at is None else at
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e9):09d}Z"
