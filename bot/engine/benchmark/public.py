"""One public benchmark: learn its training set with the pipeline as it is, ask its test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from bot.engine.benchmark.asking import learnt
from bot.engine.benchmark.datasets import Benchmark, read_asked, read_taught
from bot.engine.benchmark.measures import figures, floor_auroc, inside_of, scope_of
from bot.engine.benchmark.stock import learnt_by_stock
from bot.engine.benchmark.targets import STOCK, Row, above_floor

Say = Callable[[str], None]


def rows(benchmark: Benchmark, folder: Path, runs: int, with_stock: bool, say: Say) -> Iterator[Row]:
    """Measure `benchmark`; with the stock pipeline, its rows stand below ours."""
    taught = read_taught(benchmark, folder)
    askings = [(asking.name, read_asked(asking, folder)) for asking in benchmark.askings]
    texts = tuple(dict.fromkeys(text for _, messages in askings for text in messages.texts))
    say(f"{benchmark.name}: {len(taught)} messages to learn, {len(texts)} to be asked")
    place = {text: i for i, text in enumerate(texts)}

    intents, probabilities, times = learnt(taught, texts, runs)
    for name, asked in askings:
        own = probabilities[[place[text] for text in asked.texts]]
        found = figures(own, intents, asked.intents, scope_of(own, intents))
        targets = {}
        if benchmark.has_floor:
            found["floor"] = floor_auroc(taught.texts, taught.intents, asked.texts, asked.intents)
            targets = above_floor(found["floor"])
        yield Row("public", f"{benchmark.name} {name}".strip(), {**found, **times}, targets)
        times = {}  # the rows below ask the same model

    if with_stock:
        intents, probabilities, times = learnt_by_stock(benchmark.name, taught, texts, say)
        for name, asked in askings:
            own = probabilities[[place[text] for text in asked.texts]]
            found = figures(own, intents, asked.intents, inside_of(own, intents))
            yield Row("public", f"{benchmark.name} {name}".strip() + STOCK, {**found, **times})
            times = {}
