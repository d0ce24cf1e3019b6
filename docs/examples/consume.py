"""Acts once on each completion that holds; docs/completions.md says why each step is so.

    pip install kafka-python[crc32c] joserfc
    python consume.py BROKER READER seen.db record.pub.jwk [NEXT.pub.jwk]

Nothing of ours is needed. It may be killed at any moment and started again.
"""

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from kafka import KafkaConsumer

broker, reader, database, *files = sys.argv[1:]
pinned = [OKPKey.import_key(json.loads(Path(one).read_text("utf-8"))) for one in files]  # from the DPO, not from Kafka
keys = {one.thumbprint(): one for one in pinned}
seen = sqlite3.connect(database)
seen.execute("CREATE TABLE IF NOT EXISTS seen (source TEXT, id TEXT, PRIMARY KEY (source, id))")
options = {"group_id": f"expunge.readers.{reader}", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
consumer = KafkaConsumer("expunge.completions", bootstrap_servers=broker, allow_auto_create_topics=False, **options)


def act(event: dict) -> None:
    signed = jws.deserialize_compact(event["data"]["jws"], lambda one: keys[one.headers()["kid"]], ["Ed25519"])
    record = json.loads(signed.payload)
    if (signed.protected["typ"], record["v"], record["record_id"]) != ("dsr-completion+jws", 1, event["id"]):
        raise ValueError("another record than the event says")
    with seen:  # what you do goes into this transaction, or is harmless to do twice
        if seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (event["source"], event["id"])).rowcount:
            print(json.dumps({name: record[name] for name in ("record_id", "result", "headline")}), flush=True)


while True:
    # Longer than a join of the group takes: kafka-python 3.0.12 forgets one that outlasts a poll.
    values = [one.value for some in consumer.poll(timeout_ms=30_000).values() for one in some]
    for value in values:
        with contextlib.suppress(ValueError):  # what is no JSON is somebody else's mistake
            for event in found if isinstance(found := json.loads(value), list) else [found]:
                try:
                    if event["type"] == "org.expunge.dsr.completion.v1":
                        act(event)
                except (JoseError, LookupError, TypeError, ValueError) as error:
                    print(f"not believed: {type(error).__name__}", file=sys.stderr, flush=True)
    if values:
        consumer.commit()
