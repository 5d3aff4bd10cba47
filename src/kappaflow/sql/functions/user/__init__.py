"""Functions that users write in Python: ``@udf``, ``@udaf``, ``@udtf``.

    decorators    a function or class -> UserFunction: signatures by its annotations, words by its docstring
    annotations   Python annotations <-> SQL types, and values between the two
    scalar, aggregate, table    what the engine calls: arguments and results converted, errors told
    arrow_form    the column form of a scalar function, and the check that it gives what the row form gives
    declarations  what a process that never runs the code knows of it: signatures, as JSON

Not here: finding and importing the code (kappaflow.server.functions), which only workers do.
"""
