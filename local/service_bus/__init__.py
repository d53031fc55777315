"""Service Bus on this machine: an AMQP 1.0 broker for unmodified Azure SDKs, with its state in one SQLite file.

Bytes become frames in connection.py and performatives.py; amqp_session.py and the links turn those into calls on
entities; queue.py, session_queue.py and topic.py hold what an entity does; persistence.py makes it last.
"""
