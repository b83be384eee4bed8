"""What a price is: pure rules without I/O.

Two clocks run through all of it: `received` is our own, in monotonic seconds; `event_time` the exchange's, in
nanoseconds since 1970.
"""
