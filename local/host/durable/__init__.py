"""Durable Functions: orchestrations, activities and entities on a task hub that several hosts can share."""
