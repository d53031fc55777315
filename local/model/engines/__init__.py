"""What answers the calls. Each engine implements `protocol.Engine`; `select.py` picks one by the environment."""
