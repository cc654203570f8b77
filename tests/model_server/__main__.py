"""The server by hand: python -m tests.model_server --port 8900 [--drip 0.02] [--latency 0.5]."""

import argparse
import signal
import sys
import threading

from tests.model_server.behaviour import Behaviour
from tests.model_server.server import ModelServer


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for a model that refines the code it is sent.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--drip", type=float, default=0.01, help="seconds between deltas")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before the first")
    options = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    does = Behaviour(drip_s=options.drip, latency_s=options.latency)
    with ModelServer(default=does, port=options.port) as server:
        sys.stdout.write(f"MODEL_ENDPOINT_URL={server.url} MODEL_ENDPOINT_MODEL=stand-in\n")
        sys.stdout.flush()
        over.wait()


if __name__ == "__main__":
    main()
