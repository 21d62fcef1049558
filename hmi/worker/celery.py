"""The Celery app: `celery -A hmi.worker.celery:app worker -P threads -c 4 --without-mingle --without-gossip`.

The worker's tasks are short and idempotent (exports, backups, retention). What may not stop, the node's
runtime, is no task: a broker hands a long task out again after its visibility timeout. It lives in a
bootstep of the worker, because one of the consumer is restarted whenever Redis blinks.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")

from celery import Celery
from django.conf import settings

from hmi.worker.bootstep import RuntimeStep


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: `unix:///x/redis.sock` becomes `redis+socket:///x/redis.sock`."""
    scheme, separator, rest = redis_url.partition("://")
    return f"redis+socket://{rest}" if separator and scheme == "unix" else redis_url


def configuration() -> dict[str, Any]:
    """Celery's settings; each that is not its default has a reason."""
    return {
        "broker_url": broker_url(settings.REDIS_URL),
        "broker_connection_retry_on_startup": True,
        # The default gives up after about 46 minutes without Redis.
        "broker_connection_max_retries": None,
        # Late acknowledgement makes a task that outlives the visibility timeout start again and again.
        "task_acks_late": False,
        # With the threads pool True would crash the worker when Redis goes away.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Nobody waits for results, and a result backend makes `delay` block while Redis is down.
        "task_ignore_result": True,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
        # Remote control and events cost a Redis connection each, and nobody listens.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "timezone": "UTC",
    }


app = Celery("tandem")
app.conf.update(configuration())
app.steps["worker"].add(RuntimeStep)
