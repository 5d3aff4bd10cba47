"""SQL functions: one module per family, registered with signatures, docs and implementation.

    registry     names -> functions; what SHOW FUNCTIONS and DESCRIBE FUNCTION print
    signature    parameter types, generics, variadics; which overload a call means
    math, strings, ...   the families: they register themselves when `registry.default_registry` first loads them
    user         functions that users write in Python: ``@udf``, ``@udaf``, ``@udtf``

Not here: operators, CAST and CASE (kappaflow.sql.expressions).
"""
