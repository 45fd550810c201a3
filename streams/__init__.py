"""The log as streams that other programs follow: events as messages, the relay that brings them to NATS, who may do
what there, and the check that stream and log agree.
"""
