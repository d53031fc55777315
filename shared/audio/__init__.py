"""Recordings are checked, normalised and cut into chunks by FFmpeg; their transcripts are merged and written down.

Knows nothing of jobs, queues or Azure.
"""
