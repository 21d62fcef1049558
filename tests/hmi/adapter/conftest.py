from tests.hmi.founded import cheap, founded, node, redis_url, users

__all__ = ["cheap", "founded", "node", "redis_url", "users"]
