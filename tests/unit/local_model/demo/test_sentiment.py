"""Sentiment of sentences and texts that the head was not fitted on."""

import numpy as np
import pytest

from local.model.demo.fit import fit
from local.model.demo.reading import Reading, Tools
from local.model.demo.sentiment import Sentiment, summed_up
from local.model.demo.space import Space

LABELLED = [
    ("positive", "Livreur très sympa et colis nickel."),
    ("positive", "La reparación fue rápida y el técnico me lo explicó todo. Diez puntos."),
    ("positive", "Muito prático e bonito, chegou antes do prazo."),
    ("positive", "使いやすくて、家族みんな喜んでいます。"),
    ("positive", "Consegna puntuale e prodotto impeccabile."),
    ("positive", "Die neue Version läuft endlich flüssig. Prima Arbeit!"),
    ("positive", "De installatie was zo gebeurd en alles doet het prima."),
    ("positive", "Świetna obsługa i szybka realizacja zamówienia."),
    ("positive", "The hikes were gorgeous and our guide was a delight."),
    ("negative", "Waited forty minutes for a taxi that never showed up, and they still took the money."),
    ("negative", "Your update wiped all my photos. I want them back."),
    ("negative", "Nach dem Update startet das Programm nicht mehr, und der Support schweigt."),
    ("negative", "Commande incomplète, et impossible de joindre quelqu'un."),
    ("negative", "El cargador se quema y huele a plástico."),
    ("negative", "O ecrã veio riscado e recusam-se a trocar."),
    ("negative", "Il frigorifero fa un rumore infernale e perde acqua."),
    ("negative", "Toestel was na een week stuk en niemand reageert."),
    ("negative", "Aplikacja gubi dane, a pomoc techniczna milczy."),
    ("negative", "画面がすぐ消えるし、説明書もわかりにくい。"),
    ("neutral", "I ordered on Tuesday and chose the blue one."),
    ("neutral", "Can you tell me when the shop in Leeds opens?"),
    ("neutral", "Quel est le délai de livraison pour la Belgique ?"),
    ("mixed", "Lovely sound. Awful battery."),
    ("mixed", "La nourriture était excellente, mais le service était horriblement lent et impoli."),
    ("mixed", "Das Gerät ist hübsch und leise. Leider ging es nach einem Monat kaputt."),
    ("mixed", "Arrived two weeks late and the box was crushed, but the lamp itself works and looks lovely."),
]


@pytest.mark.parametrize(("label", "text"), LABELLED)
def test_label(label: str, text: str, tools: Tools) -> None:
    assert Reading(text, tools).sentiment.label == label


@pytest.mark.parametrize(
    ("scores", "sentiment"),
    [
        ([], Sentiment("neutral", 0.0)),
        ([0.9], Sentiment("positive", 0.9)),
        ([-0.5, -0.5], Sentiment("negative", -0.5)),
        ([0.1, -0.1], Sentiment("neutral", 0.0)),
        ([1.0, -1.0], Sentiment("mixed", 0.0)),
        ([1.0, 1.0, 1.0, -0.2], Sentiment("positive", 0.7)),
    ],
)
def test_clauses_add_up(scores: list[float], sentiment: Sentiment) -> None:
    result = summed_up(scores)

    assert result.label == sentiment.label
    assert result.score == pytest.approx(sentiment.score)


@pytest.mark.accept
def test_the_stored_head_is_what_the_sentences_give(tools: Tools) -> None:
    fitted, stored = fit(tools.embedder), Space.load()

    np.testing.assert_allclose(fitted.sentiment_weights, stored.sentiment_weights, atol=1e-3)
    np.testing.assert_allclose(fitted.centre, stored.centre, atol=1e-4)
    assert fitted.sentiment_bias == pytest.approx(stored.sentiment_bias, abs=1e-3)
