"""Python functions of users: found, imported and kept current, in the workers only.

    loader    a directory or an installed package -> functions, and what could not be imported
    library   a worker's functions: looks for changes, swaps them, says which queries need the new code

The control process gets declarations (kappaflow.sql.functions.user.declarations) from a worker and never imports a
user's file.
"""
