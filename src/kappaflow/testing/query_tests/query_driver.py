"""stub"""
from kappaflow.testing.query_tests.record_codec import CaseError
class QueryDriver:
    def __init__(self, topology, application_id, form, properties): pass
    def __enter__(self): return self
    def __exit__(self,*a): pass
    def internal_topics(self): return []
    def pipe(self, topic, record): raise CaseError("no driver yet")
