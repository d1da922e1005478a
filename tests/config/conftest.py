from tests.serving import committed_shop, server  # noqa: F401 (fixtures)
