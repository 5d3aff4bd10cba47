"""`kappa streams`: run, describe and reset applications of the streams library.

module:name or file.py:name ──target──▶ Topology ──▶ run | describe | plan-diff
reset needs no topology: it goes by the application's id.
"""
