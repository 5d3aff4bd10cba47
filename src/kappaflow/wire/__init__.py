"""The Kafka protocol without input, output or clock.

    frame -> headers -> codec.decode -> Message        Message -> codec.encode -> buffers
                          |                                          |
               protocol_schema (fields per version) -> decoder_source / encoder_source (compiled once)

Not here: sockets, retries, what a request means.
"""
