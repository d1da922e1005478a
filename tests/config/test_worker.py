from __future__ import annotations

import itertools
import threading

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from sayso.config import jobs, worker
from sayso.shops.models import Shop

pytestmark = pytest.mark.usefixtures("committed_shop")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(worker, "LONGEST_DELAY", 0.002)


def test_a_loop_that_fails_or_ends_is_started_again(caplog: pytest.LogCaptureFixture):
    stop, runs = threading.Event(), itertools.count(1)

    def loop(stop: threading.Event) -> None:
        run = next(runs)
        if run == 1:
            raise RuntimeError("first")
        if run == 3:
            stop.set()

    worker.keep_running("a.loop", loop, stop)
    assert next(runs) == 4
    assert [record.message.split(",")[0] for record in caplog.records] == ["a.loop failed", "a.loop ended by itself"]


def test_every_loop_that_exists_can_be_found():
    assert worker.find("sayso.nowhere.run") is None
    assert worker.find("sayso.intake.drain.run")
    for path in worker.LOOPS:
        worker.find(path)


def test_a_loop_that_does_not_stop_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    release = threading.Event()
    monkeypatch.setattr(worker, "PATIENCE", 0.05)
    monkeypatch.setattr(worker, "find", lambda _: loop)
    stop = threading.Event()

    def loop(told: threading.Event) -> None:
        stop.set()
        release.wait()

    try:
        assert not worker.run(["stuck.loop"], stop)
    finally:
        release.set()
    assert "stuck.loop did not stop" in caplog.text


@pytest.fixture
def ran() -> list[int]:
    return []


@pytest.fixture
def job(ran: list[int]) -> object:
    name = "tests.job"

    @app.task(name=name)
    def run(number: int) -> None:
        assert Shop.objects.exists()  # the ORM works, in the application's role
        ran.append(number)

    yield run
    del app.tasks[name]
    ProcrastinateJob.objects.all()._raw_delete("default")


def work_until(done: object) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=jobs.run, args=(stop,))
    thread.start()
    try:
        while thread.is_alive() and not done():
            pass
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_jobs_run_in_the_applications_role_and_belong_to_their_transaction(job, ran: list[int]):
    job.defer(number=1)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        job.defer(number=2)
        raise ZeroDivisionError
    work_until(lambda: ran)
    assert ran == [1]


def test_jobs_of_a_worker_that_died_are_rescued(job, ran: list[int], monkeypatch: pytest.MonkeyPatch):
    job_id = job.defer(number=3)
    with connection.cursor() as cursor:
        cursor.execute(
            "with dead as (insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour')"
            " returning id) update procrastinate_jobs set status = 'doing', worker_id = (select id from dead)"
            " where id = %s",
            [job_id],
        )
    jobs.rescue_stalled_jobs.defer(timestamp=0)
    work_until(lambda: ran)
    assert ran == [3]
