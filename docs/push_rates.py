"""Pushes new currency rates to every server: write a directory, hand it to one entry point.

Usage: python3 docs/push_rates.py HOST [PORT]

Needs `ciruela` in PATH (or CIRUELA, a command, in the environment) and a key that the servers know. The receiving side is
`json.load(open("/sync/cur/data.json"))`: a plain file, with no network call.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile


def push(rates, host, port=None):
    """Publishes `rates` as /sync/cur on the cluster of `host`; raises when no server has taken them."""
    command = shlex.split(os.environ.get("CIRUELA", "ciruela"))
    if port is not None:
        command += ["--port", port]
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "data.json"), "w") as f:
            json.dump(rates, f)
        subprocess.check_call(command + ["sync", "--replace", d + ":/sync/cur", host])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    push({"base": "EUR", "rates": {"USD": "1.0842", "CHF": "0.9514"}}, *sys.argv[1:])
