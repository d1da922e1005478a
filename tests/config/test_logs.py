"""No log repeats what an error repeats."""

import logging
import os
import sys

import pytest
from django.db import DatabaseError, connection, transaction

from sayso.config.logs import Line


def logged(cause: Exception) -> str:
    try:
        try:
            raise cause
        except Exception as error:
            raise RuntimeError("while storing ada@example.org") from error
    except RuntimeError:
        record = logging.LogRecord("sayso", logging.ERROR, __file__, 1, "it failed", None, sys.exc_info())
    return Line("%(levelname)s %(name)s: %(message)s").format(record)


def test_an_error_of_the_database_is_told_without_the_row(shop):
    with pytest.raises(DatabaseError) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("insert into shop (domain) values (%s)", [shop.address_secret])
    assert shop.address_secret in str(raised.value)
    text = logged(raised.value)
    assert shop.address_secret not in text
    assert text.startswith("ERROR sayso: it failed\n")
    assert "IntegrityError: null value in column" in text
    assert (
        text.index("IntegrityError") < text.rindex("which led to") < text.index("RuntimeError: while storing [e-mail]")
    )
    assert "test_logs.py" in text


def test_the_database_itself_logs_no_statements(shop):
    if os.environ.get("SAYSO_TEST_SERVER"):
        pytest.skip("the log of a server of others is theirs")
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('log_min_messages'), current_setting('log_min_error_statement'),"
            " current_setting('log_error_verbosity')"
        )
        assert cursor.fetchone() == ("log", "panic", "terse")
