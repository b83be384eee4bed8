"""What keeps one slow or broken part from taking the others with it.

breaker       stops calling a server that fails or is slow, and probes it
concurrency   how many calls an upstream gets at once, learned from how fast it answers
budget        retries and hedges as a share of the calls
hedging       two calls for one question
latency       how long an operation usually takes
criticality   who is turned away first
lag           how late the event loop is
statistics    all of it, for metrics
"""
