"""The parts of the demonstration engine: embeddings, sentiment, choices, language, keywords, schema filling, speech.

It is not a language model: it measures similarity between sentence embeddings and copies sentences out of the text.
"""
