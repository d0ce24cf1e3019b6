"""One member of a consumer group as a process of its own, for the contract suite of the bus.

What it handled stands in a file that all members share: lines are the committed batches, and the positions of the
"store" are read from them. Arguments: one JSON object.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from orchestrator.ports import Consumer, Message


def main() -> int:
    given = json.loads(sys.argv[1])
    log = Path(given["log"])
    if given["debug"]:
        logging.basicConfig(level=logging.DEBUG)
        logging.getLogger("member").debug("everything is logged")
    settings = KafkaSettings(**given["settings"])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def positions() -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for line in log.read_text().splitlines():
            one = json.loads(line)
            place = (one["topic"], one["partition"])
            found[place] = max(found.get(place, 0), one["offset"] + 1)
        return found

    def handle(messages: Sequence[Message]) -> None:
        if any(given["fail_on"].encode() == one.value for one in messages if given["fail_on"]):
            raise ZeroDivisionError(given["fail_on"])
        if given["slow"]:
            log.with_suffix(".busy").touch()
            time.sleep(given["slow"])
        lines = [
            json.dumps({"member": given["name"], "batch": messages[0].offset, "topic": one.topic,
                        "partition": one.partition, "offset": one.offset, "value": one.value.decode()})
            for one in messages
        ]  # fmt: skip
        file = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.write(file, ("\n".join(lines) + "\n").encode())
        os.close(file)

    consumer: Consumer
    if given["bus"] == "faust":
        from orchestrator.runtime.distributed import FaustConsumer

        consumer = FaustConsumer(settings, given["group"], given["topics"], positions)
    else:
        from orchestrator.bus.plain import PlainConsumer

        consumer = PlainConsumer(settings, given["group"], given["topics"], positions)
    try:
        consumer.run(handle, stop)
    except Exception as error:  # noqa: BLE001 - the test reads it
        print(f"{type(error).__name__}: {error}", flush=True)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
