"""Loaded by schemathesis: who is asking. Requests that end a session or an account get a guest of their
own, so that the others go on."""

import os
import uuid

import requests
import schemathesis

ENDS_ITS_CREDENTIAL = {
    "logout",
    "deleteMe",
    "authSignOut",
    "authDeleteUser",
    "authRevokeSession",
    "authRevokeSessions",
    "authRevokeOtherSessions",
}
# Schemathesis uses what it has seen in answers, such as the id of the user that it is.
ENDS_A_USER = {"adminPurgeUser", "adminRevokeSessions", "deleteUser"}


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    # Here, since what is said on the command line no hook can change.
    token = os.environ["GOLDFISH_TOKEN"]
    if operation in ENDS_ITS_CREDENTIAL:
        guest = requests.post(os.environ["GOLDFISH_URL"] + "/api/v1/auth/guest", timeout=60)
        token = guest.json()["token"]
    case.headers["Authorization"] = f"Bearer {token}"
    # requests sends text as Latin-1. Spin itself responds with an empty 500 to a value that is not UTF-8,
    # which the suite tests in platform::headers; here the values are sent as UTF-8.
    for name, value in list(case.headers.items()):
        if isinstance(value, str) and not value.isascii():
            case.headers[name] = value.encode("utf-8").decode("latin-1")
    if operation in ENDS_A_USER and case.path_parameters.get("id") == os.environ["GOLDFISH_USER"]:
        case.path_parameters["id"] = f"guest_{uuid.uuid4()}"
    # Only the own profile can be changed; a new address would be confirmed by mail, which is not sent here.
    if operation == "updateUser" and isinstance(case.body, dict) and "email" not in case.body:
        case.path_parameters["id"] = os.environ["GOLDFISH_USER"]
