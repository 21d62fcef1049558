from tests.hmi.live_node import boards, node, people, redis_url

__all__ = ["boards", "node", "people", "redis_url"]
