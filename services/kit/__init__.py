"""The kit: what every service is built from, so that each reads the same way.

    settings      declare a setting once; all mistakes are reported together
    boot          run(service): settings, logs, telemetry, resources, servers, signals, drain
    health        started, live, ready: three questions
    errors        one tree of errors, and its forms on the wire
    acceptor      takes connections off listening sockets in bulk; addresses: who is at the other end
    rpc           gRPC servers and channels; interceptors: what happens around every call; deadline: until when
    caller        who is calling, as the gateway passes it on
    tokens        verification of access tokens; revocations: what no longer counts
    bus           NATS and JetStream
    store         Redis
    db            PostgreSQL and migrations
    cache         the multi-layer cache
    memory        when the garbage collector runs
    telemetry     OpenTelemetry and Sentry; logs: log lines; stats: a replica's own figures
    clock, retry, breaker    time, backoff, circuit breaker; cancellation: not lost behind another error
    testing       fakes for tests

The kit imports no service.
"""
