"""Query tests: SQL statements, input records and the output records they must give, as JSON files.

    case_files -> TestCase -> case_runner (engine, topics, one topology test driver a query)
               -> value_matching, post_checks -> CaseResult -> runner (parallel, time limits, report)

Everything runs in-process, without a broker.
"""
