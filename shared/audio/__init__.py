"""Recordings: checked, normalised and cut into chunks by FFmpeg. Knows nothing of jobs, queues or Azure."""
