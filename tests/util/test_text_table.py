"""Text tables for a terminal and for LaTeX."""

from __future__ import annotations

from amlm.util.text_table import aligned, latex

ROWS = [["", "share (%)", "p"], ["hard_decay", "+1.5", "<0.001"], ["▁a & b", "-", "1.0 to 2.0"]]


def test_columns_are_aligned() -> None:
    assert aligned(ROWS) == [
        "            share (%)           p",
        "hard_decay       +1.5      <0.001",
        "▁a & b              -  1.0 to 2.0",
    ]


def test_latex_escapes_what_has_a_meaning_in_it() -> None:
    assert latex(ROWS) == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r" & share (\%) & p \\",
        r"\midrule",
        r"hard\_decay & $+1.5$ & $<0.001$ \\",
        r"\textvisiblespace a \& b & -- & 1.0 to 2.0 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert latex([["a"], ["\\x~y^z{}"]])[4] == (
        r"\textbackslash x\textasciitilde y\textasciicircum z\{\} \\"
    )
