"""The token counter: who may use how much of the quota, and when."""
