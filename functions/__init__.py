"""Triggers: each translates what the host delivers and hands over.

What they hand over to is imported inside the functions: the host indexes the app at every cold start and every scale
decision, and must not load the SDKs for that.
"""
