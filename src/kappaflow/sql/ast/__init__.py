"""The abstract syntax of the SQL language: immutable nodes, each with where it stands in the text.

    expressions, relations, statements   the nodes
    rewrite                              walk and rebuild them without knowing each
    formatter, statement_formatter       back to text; parsing that gives an equal node

Not here: reading text (kappaflow.sql.grammar), what names mean (kappaflow.sql.analyzer).
"""
