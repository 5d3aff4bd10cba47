"""From SQL text to the abstract syntax.

    text -> variables (substitution) -> lexer (words to keywords) -> ksql.lark (LALR) -> builders -> sql.ast

`kappaflow.sql.grammar.parser` is the entrance.  Nothing here knows sources, types of columns or functions.
"""
