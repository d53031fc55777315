"""Tables cut off nothing, however narrow the console is."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table

from cli.tables import FirstThatFits

ID = "3f2b8c1e-7a54-4d0e-9a51-0c6f2d9e8b17"


def table(rows: list[tuple[str, str]], *, least: int = 10, gap: int = 1) -> Table:
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap))
    made.add_column("id", no_wrap=True)
    made.add_column("why", min_width=least, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def shown(width: int, *tables: Table) -> list[str]:
    written = io.StringIO()
    Console(width=width, file=written).print(FirstThatFits(*tables))
    return written.getvalue().splitlines()


def test_the_first_that_fits_is_shown_and_fills_no_more_than_it_needs() -> None:
    rows = [(ID, "word " * 5)]
    wide, close = table(rows, least=20), table(rows, gap=0)
    assert shown(200, wide, close)[-1].rstrip() == f" {ID}   {('word ' * 5).rstrip()}"
    assert shown(60, wide, close)[2].startswith(f"{ID} word"), "20 cells aren't left for the other column"
    assert len(shown(60, wide, close)) == 4


def test_one_table_is_shown_in_consoles_of_different_widths() -> None:
    same = FirstThatFits(table([(ID, "word " * 20)]))
    for width in (60, 200, 60):
        written = io.StringIO()
        Console(width=width, file=written).print(same)
        assert max(map(len, written.getvalue().splitlines())) <= width
        assert ID in written.getvalue()


def test_where_nothing_fits_all_is_folded() -> None:
    lines = shown(16, table([(ID, "because")], least=30))
    assert "".join(line[:8].strip() for line in lines[2:]).startswith(ID[:6])
    assert "…" not in "".join(lines)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="[]…\\"), max_size=40)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5), st.integers(4, 120))
def test_nothing_is_cut_off_and_nothing_juts_out(rows: list[tuple[str, str]], width: int) -> None:
    written = io.StringIO()
    screen = Console(width=width, file=written)
    screen.print(FirstThatFits(table(rows), table(rows, least=1, gap=0)))
    assert "…" not in written.getvalue()
    assert all(screen.measure(line).maximum <= width for line in written.getvalue().splitlines())
