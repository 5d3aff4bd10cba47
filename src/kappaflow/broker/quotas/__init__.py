"""How much clients may use: rates by user, client id and address, and the pauses that hold them to it.

    AlterClientQuotas -> quota_store -> client_quotas (which limit, which count) -> rate, token_bucket
    dispatch -> account (bytes, time) -> throttle_time_ms in the answer, pause of the connection

Without quotas nothing is counted.
"""
