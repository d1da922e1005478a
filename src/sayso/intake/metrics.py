"""What intake counts, by provider and nothing finer: no shop, no person."""

from prometheus_client import Counter, Histogram

ANSWERS = Counter("sayso_intake_answers", "Webhook requests by answer.", ["provider", "status"])
ACKNOWLEDGE = Histogram(
    "sayso_intake_acknowledge_seconds",
    "From the last byte of a verified delivery to its acknowledgement, commit included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BATCH = Histogram("sayso_intake_batch_deliveries", "Deliveries a commit.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500))
OUTCOMES = Counter("sayso_intake_deliveries", "Deliveries by what became of them.", ["outcome"])
