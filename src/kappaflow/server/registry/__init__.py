"""The embedded Schema Registry: Confluent's REST surface over the compacted topic ``_schemas``.

application  routes and answers
subjects     what is registered, as records of the topic say it
compatibility  whether a new schema can follow older ones
schema_log   reads the topic when the server starts, appends to it afterwards
"""
