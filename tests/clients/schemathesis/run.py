"""Runs schemathesis against an application: run.py <url> <token> <user> <admin key>. Prints how many
operations and requests there were, in JSON; or what schemathesis says, if it finds anything."""

import json
import os
import re
import subprocess
import sys

url, token, user, admin_key = sys.argv[1:]
run = subprocess.run(
    [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"),
        "--config-file", "schemathesis.toml", "run",
        url + "/openapi.json",
        "--url", url,
        "--header", f"X-Admin-Key: {admin_key}",
        "--no-color",
    ],
    env={
        **os.environ,
        "GOLDFISH_URL": url,
        "GOLDFISH_TOKEN": token,
        "GOLDFISH_USER": user,
    },
    capture_output=True,
    text=True,
)
said = run.stdout + run.stderr
if run.returncode != 0:
    sys.exit(said)
operations = re.search(r"Tested: (\d+)", said)
cases = re.search(r"(\d+) generated", said)
print(json.dumps({
    "operations": int(operations[1]) if operations else 0,
    "cases": int(cases[1]) if cases else 0,
}))
