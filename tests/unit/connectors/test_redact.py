from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from connectors.redact import Redactor, guarded
from connectors.testing.canary import find_canaries
from connectors.testing.desk import Desk
from connectors.testing.fake import FakeSystem
from connectors.testing.people import OTHER, SUBJECT
from connectors.testing.stand import listening

LOG = logging.getLogger("some.driver")
MAIL = SUBJECT.email


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra_one)s", defaults={"extra_one": ""}))
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    yield out
    LOG.removeHandler(handler)


def test_outside_a_batch_nothing_changes(heard: io.StringIO) -> None:
    with guarded([MAIL]):
        pass
    LOG.info("found %s in %d rows", MAIL, 3)
    assert heard.getvalue() == f"INFO found {MAIL} in 3 rows \n"


def test_arguments_lose_their_text_and_numbers_stay(heard: io.StringIO) -> None:
    with guarded([MAIL]):
        LOG.info("found %s in %d rows, %.1f s, %s", "anybody", 3, 0.5, None)
        LOG.info("%(name)s has %(rows)d rows", {"name": "anybody", "rows": 3})
    assert heard.getvalue() == "INFO found [hidden] in 3 rows, 0.5 s, None \nINFO [hidden] has 3 rows \n"


def test_arguments_that_do_not_fit_leave_the_template(heard: io.StringIO) -> None:
    with guarded([MAIL]):
        LOG.info("%d rows", "anybody")
    assert heard.getvalue() == "INFO %d rows \n"


@pytest.mark.parametrize("shown", [MAIL, MAIL.upper(), MAIL.replace("@", "%40")])
def test_known_values_are_replaced_in_the_template(heard: io.StringIO, shown: str) -> None:
    with guarded([MAIL]):
        LOG.info("looking for " + shown + ", then on")  # noqa: G003 - that is the point
    assert heard.getvalue() == "INFO looking for [redacted], then on \n"


def test_short_values_are_replaced_as_words_only(heard: io.StringIO) -> None:
    with guarded(["7"]):
        LOG.info("customer 7 of 17 in 0.7s7")
    assert heard.getvalue() == "INFO customer [redacted] of 17 in 0.7s7 \n"


def test_exceptions_keep_class_and_place_only(heard: io.StringIO) -> None:
    with guarded([]):
        try:
            raise ValueError(MAIL)
        except ValueError as error:
            LOG.exception("cannot read %s", error)  # noqa: TRY401 - its text is the point
            LOG.warning(error)
    said = heard.getvalue()
    assert not find_canaries(said.encode(), [MAIL])
    assert "cannot read ValueError" in said
    assert "test_redact.py:" in said
    assert said.endswith("WARNING ValueError \n")


def test_extra_values_are_hidden(heard: io.StringIO) -> None:
    with guarded([]):
        LOG.info("row", extra={"extra_one": MAIL})
    assert heard.getvalue() == "INFO row [hidden]\n"


def test_other_threads_keep_their_arguments_but_no_known_value(heard: io.StringIO) -> None:
    def log() -> None:
        try:
            raise ValueError(MAIL)
        except ValueError:
            LOG.exception("%s and %s", "harmless", MAIL, extra={"extra_one": MAIL})

    with guarded([MAIL]):
        thread = threading.Thread(target=log)
        thread.start()
        thread.join()
    said = heard.getvalue()
    assert said.startswith("ERROR harmless and [redacted] [redacted]\n")
    assert "ValueError: [redacted]" in said
    assert not find_canaries(said.encode(), [MAIL])


def test_two_batches_at_once_guard_both(heard: io.StringIO) -> None:
    with guarded([MAIL]):
        with guarded([OTHER.email]):
            LOG.info(f"{MAIL} {OTHER.email}")  # noqa: G004
        LOG.info(f"{MAIL} {OTHER.email}")  # noqa: G004
    first, second = heard.getvalue().splitlines()
    assert first == "INFO [redacted] [redacted] "
    assert second == f"INFO [redacted] {OTHER.email} "


def test_a_record_factory_of_somebody_else_is_kept(heard: io.StringIO) -> None:
    class Marked(logging.LogRecord):
        pass

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Marked)
    try:
        with guarded([MAIL]):
            made = logging.getLogRecordFactory()("n", 20, "p", 1, "%s", (MAIL,), None)
        assert isinstance(made, Marked)
        assert made.getMessage() == "[hidden]"
    finally:
        logging.setLogRecordFactory(before)


def test_the_filter_lets_every_record_through() -> None:
    record = logging.makeLogRecord({"msg": MAIL})
    assert Redactor().filter(record)
    assert record.msg == MAIL
    with guarded([MAIL]):
        assert Redactor().filter(record)
    assert record.msg == "[redacted]"


def test_i04_sqlalchemy_shows_no_parameters() -> None:
    with listening() as heard:
        engine = create_engine("sqlite://", echo="debug")
        with guarded([]), engine.connect() as connection:
            for statement in ("SELECT :name AS x", "SELECT nothing FROM nowhere WHERE x = :name"):
                try:
                    connection.execute(text(statement), {"name": SUBJECT.name}).all()
                except Exception as error:
                    LOG.warning(f"failed: {error}", exc_info=True)  # noqa: G004
        engine.dispose()
    assert b"SELECT" in heard()
    assert b"OperationalError" in heard()
    assert not find_canaries(heard(), [SUBJECT.name])


def test_i04_a_connector_that_logs_carelessly_leaks_nothing() -> None:
    system = FakeSystem()
    system.seed(SUBJECT)
    system.fault("leak", "*")
    with listening() as heard:
        Desk(system.open).locate({"email": SUBJECT.email, "customer_id": SUBJECT.customer_id})
    assert b"looking for" in heard()
    assert b"ValueError" in heard()
    assert not find_canaries(heard(), SUBJECT.values())
